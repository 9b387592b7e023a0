/** Who is calling, as a verified token says it. Made by identity, believed by every service. */
export interface Identity {
  user: NamedInDomain;
  scope: Scope;
  /** Roles held on the scope, implied roles included; names lower or mixed case as stored. */
  roles: readonly { id: string; name: string }[];
  /** When the token ends, milliseconds since the epoch. */
  expiresAtMs: number;
  /** First element: this token; last: the chain it came from. */
  auditIds: readonly string[];
  /** Set where the token was made from something that was delegated; what it may be used for is `delegation.ts`'s to say. */
  delegation?: Delegation;
}

/** What a delegated token was made from, and how far it reaches. */
export interface Delegation {
  kind: 'application_credential' | 'trust' | 'ec2';
  id: string;
  /** An application credential that may make and remove credentials, trusts and application credentials. */
  unrestricted: boolean;
  /** The only requests it may make; undefined for all. */
  accessRules?: readonly AccessRule[];
}

/** One kind of request: `path` may hold `*` (one part), `**` (any number of them) and `{name}` (one part). */
export interface AccessRule {
  /** Type of the service: `object-store`, `image`, … */
  service: string;
  method: string;
  path: string;
}

export interface NamedInDomain {
  id: string;
  name: string;
  domain: { id: string; name: string };
}

export type Scope =
  | { kind: 'unscoped' }
  | { kind: 'project'; project: NamedInDomain }
  | { kind: 'domain'; domain: { id: string; name: string } }
  | { kind: 'system' };

/** Turns a token into an identity. Implemented in process by `auth`, over HTTP by `auth/client.ts`, cached by `caching-verifier.ts`. */
export interface TokenVerifier {
  /**
   * @returns the identity, or undefined for a token that is malformed, expired, revoked or of a disabled user or project.
   * @throws when identity cannot be asked: answered 503, never taken for "valid" nor "invalid".
   */
  verify(token: string): Promise<Identity | undefined>;
  /**
   * What is known without asking, as true as what `verify` says. Only verifiers that remember have it.
   * @returns undefined for a token that is not known, or known to be refused: `verify` tells.
   */
  verifyNow?(token: string): Identity | undefined;
}

/**
 * Knows what signatures with an access key (an EC2 credential) are made with: for the services that such requests reach, which have to
 * check a signature for each piece of an upload too. Implemented in process by `auth`, over HTTP by `auth/client.ts`, cached by
 * `caching-signers.ts`. Keys are never logged, stored, or given to a caller.
 */
export interface SignerDirectory {
  /**
   * @param scope `<date>/<region>/<service>/aws4_request` of a signature of version 4; undefined for version 2.
   * @returns undefined for an access key that nobody has, or whose user or project is disabled or gone.
   * @throws when identity cannot be asked.
   */
  find(access: string, scope: string | undefined): Promise<Signer | undefined>;
}

export interface Signer {
  /** The key's user on the key's project. */
  identity: Identity;
  /** Version 4: what is derived for one day, region and service, good for nothing else. Version 2, which has no such thing: the secret. */
  key: Uint8Array;
}

/**
 * Counts what may make a verified token untrue: revocations, role and status changes. In one process a shared integer that
 * identity bumps and every thread reads; a cached identity is used only at the count it was verified at.
 */
export interface RevocationEpoch {
  current(): number;
}

/**
 * What a policy rule may compare: attributes of the stored record that a request is about, from the database only, never
 * from a body or a query. `project_id` and `user_id` are the usual ones.
 */
export type PolicyTarget = Readonly<Record<string, string | null | undefined>>;

/** The rules of one service: OpenStack's policy language over an identity and a target. */
export interface Policy {
  /** @throws ApiError 403 naming the action, when no rule allows it. */
  authorize(action: string, identity: Identity, target?: PolicyTarget): void;
  allows(action: string, identity: Identity, target?: PolicyTarget): boolean;
}
