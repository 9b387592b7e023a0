/** Types of the identity API that other services use. */

/** How a service user or a person proves who they are, and which project the token shall be for. */
export interface PasswordLogin {
  /** Base URL of the identity API, with `/v3`. */
  authUrl: string;
  username: string;
  password: string;
  userDomainId: string;
  projectName: string;
  projectDomainId: string;
}

export interface CatalogService {
  id: string;
  type: string;
  name: string;
  endpoints: CatalogEndpoint[];
}

interface CatalogEndpoint {
  id: string;
  interface: 'public' | 'internal' | 'admin';
  region: string;
  region_id: string;
  url: string;
}

/** The `token` object of `POST` and `GET /v3/auth/tokens`. Spec: Identity API v3, "Authentication and token management". */
export interface TokenBody {
  methods: string[];
  user: { id: string; name: string; domain: { id: string; name: string }; password_expires_at: string | null };
  audit_ids: string[];
  issued_at: string;
  expires_at: string;
  project?: { id: string; name: string; domain: { id: string; name: string } };
  domain?: { id: string; name: string };
  system?: { all: true };
  is_domain?: boolean;
  application_credential?: {
    id: string;
    name: string;
    restricted: boolean;
    access_rules?: { id: string; service: string; method: string; path: string }[];
  };
  'OS-TRUST:trust'?: {
    id: string;
    impersonation: boolean;
    trustor_user: { id: string };
    trustee_user: { id: string };
  };
  roles?: { id: string; name: string }[];
  catalog?: CatalogService[];
}

/** A service's own standing login: the token it calls other services with, and where they are. */
export interface ServiceSession {
  /** A token with at least a minute to live; logs in when there is none. */
  token(): Promise<string>;
  /** Forgets the token after another service refused it, so that the next `token()` logs in again. */
  forgetToken(): void;
  /** Internal endpoint of a service type, without a trailing slash, with the session's project filled in. */
  endpoint(serviceType: string): Promise<string>;
}
