import type { DelegationReference } from '../tokens/payload.ts';

/** What identity stores. Times are milliseconds since the epoch; every record but the pairs is written by one action file. */

/** Attributes that clients add to a resource and get back unchanged. */
export type Extra = Readonly<Record<string, unknown>>;

/** A project, or a domain: a domain is a project that contains others, as in Keystone, so their ids share one space. */
export interface ProjectRecord {
  id: string;
  name: string;
  /** Null for a domain. */
  domainId: string | null;
  /** The project above, or the domain; null for a domain. */
  parentId: string | null;
  isDomain: boolean;
  enabled: boolean;
  description: string;
  tags: readonly string[];
  /** `immutable: true` refuses changes and removal. */
  options: Extra;
  extra: Extra;
  /** Tokens issued until this time are refused; set when it is disabled, so that enabling it revives none. */
  tokensNotBeforeMs: number;
}

export interface UserRecord {
  id: string;
  name: string;
  domainId: string;
  enabled: boolean;
  description: string | null;
  /** The project of a token when a login names no scope. May name one that is gone. */
  defaultProjectId: string | null;
  /** As `auth/passwords/scrypt.ts` writes it; null refuses every password. */
  passwordHash: string | null;
  passwordChangedMs: number | null;
  /** Whether its user chose it, not an administrator; absent for not. */
  passwordIsOwn?: boolean;
  /** Whether it is good for nothing but to be changed: set by an administrator while the configuration asks for that. Absent for not. */
  passwordMustChange?: boolean;
  /** Hashes of the passwords before the present one, newest first; as many as the configuration asks for. */
  passwordHistory?: readonly string[];
  options: Extra;
  extra: Extra;
  /** Tokens issued until this time are refused; set when it is disabled and when its password changes. */
  tokensNotBeforeMs: number;
  /** Day of its last login, or when it was made or enabled: whole days since the epoch. Absent where none is known. */
  activeDay?: number;
}

/** Wrong passwords of a user since the last right one. Its id is the user's. */
export interface LoginFailuresRecord {
  id: string;
  count: number;
  lastMs: number;
}

/** The last time step in which a TOTP seed was used: no code is good twice. Its id is the credential's. */
export interface TotpUseRecord {
  id: string;
  step: number;
}

export interface GroupRecord {
  id: string;
  name: string;
  domainId: string;
  description: string;
  extra: Extra;
}

export interface RoleRecord {
  id: string;
  name: string;
  /** A domain's own role appears in no token; what it implies does. Null for a role of the cloud. */
  domainId: string | null;
  description: string | null;
  options: Extra;
  extra: Extra;
}

/** Who holds the first role holds the second too. Its id is `<prior>/<implied>`. */
export interface ImpliedRoleRecord {
  id: string;
  priorId: string;
  impliedId: string;
}

export type ActorKind = 'user' | 'group';
export type TargetKind = 'project' | 'domain' | 'system';

/** The id of the one target of kind `system`. */
export const SYSTEM_ID = 'all';

/** A role given to an actor on a target. Stored twice, under both orders of its parts, in one batch. */
export interface AssignmentRecord {
  id: string;
  actorKind: ActorKind;
  actorId: string;
  targetKind: TargetKind;
  targetId: string;
  roleId: string;
  /** Held on every project below the target, instead of on the target. */
  inherited?: true;
}

/** A user in a group. Stored twice, under both orders, in one batch. */
export interface MembershipRecord {
  id: string;
  userId: string;
  groupId: string;
}

/** A token, or all tokens of an audit chain, that were revoked. Its id is `token:<audit id>` or `chain:<audit id>`. */
export interface RevocationRecord {
  id: string;
  /** When the last token it can concern ends even for `allow_expired`: it may be dropped then. */
  dropAfterMs: number;
}

export interface RegionRecord {
  id: string;
  description: string;
  parentId: string | null;
  extra: Extra;
}

export interface ServiceRecord {
  id: string;
  type: string;
  name: string;
  description: string | null;
  enabled: boolean;
  extra: Extra;
}

export interface EndpointRecord {
  id: string;
  serviceId: string;
  interface: 'public' | 'internal' | 'admin';
  regionId: string | null;
  /** May hold `$(project_id)s`. */
  url: string;
  enabled: boolean;
  name: string | null;
  extra: Extra;
}

/** A removal that has happened, and whose consequences may not all have: finished at the next start. */
export interface RemovalRecord {
  id: string;
  kind: 'user' | 'group' | 'project' | 'domain' | 'role';
}

/** A way to log in that carries some of its user's roles on one project. Its secret is shown once and kept hashed. */
export interface ApplicationCredentialRecord {
  id: string;
  /** Unique among its user's. */
  name: string;
  userId: string;
  projectId: string;
  description: string | null;
  /** As `auth/passwords/application-secret.ts` writes it. */
  secretHash: string;
  /** Roles it was given; it carries those that its user still holds. */
  roleIds: readonly string[];
  /** Null where it lives as long as its user. */
  expiresAtMs: number | null;
  /** May make and remove credentials, trusts and application credentials. */
  unrestricted: boolean;
  /** Ids of access rules; null where every request is allowed. */
  accessRuleIds: readonly string[] | null;
  /** The delegation that it was made with, whose end is its own. */
  source: DelegationReference | null;
}

/** A kind of request that an application credential may make. A user's rules are kept when the credential goes. */
export interface AccessRuleRecord {
  id: string;
  userId: string;
  service: string;
  method: string;
  path: string;
}

/** One user, the trustor, lets another, the trustee, act with some roles on a project. */
export interface TrustRecord {
  id: string;
  trustorId: string;
  trusteeId: string;
  projectId: string;
  /** Whether tokens of it name the trustor as their user. */
  impersonation: boolean;
  roleIds: readonly string[];
  expiresAtMs: number | null;
  /** Tokens that may still be had of it; null for any number. Counted down by each. */
  remainingUses: number | null;
  /** Whether the trustee may pass it on. */
  allowRedelegation: boolean;
  /** How often it may be passed on. */
  redelegationCount: number;
  /** The trust that was passed on, whose end is its own. */
  redelegatedTrustId: string | null;
  /** The delegation that it was made with, whose end is its own. */
  source: DelegationReference | null;
  extra: Extra;
}

/** A secret of a user for use elsewhere: an EC2 key pair, a TOTP seed, anything. */
export interface CredentialRecord {
  /** SHA-256 of the access key for type `ec2`. */
  id: string;
  type: string;
  userId: string;
  projectId: string | null;
  /** Encrypted with the keys of `keys/credential`. */
  encryptedBlob: string;
  /** The delegation that it was made with, whose end is its own. */
  source: DelegationReference | null;
  extra: Extra;
}

/** A text that some other program reads as its policy: kept, never followed by us. */
export interface StoredPolicyRecord {
  id: string;
  type: string;
  blob: string;
  extra: Extra;
}

/** A program that may ask for delegations by OAuth 1. Its secret is shown once. */
export interface ConsumerRecord {
  id: string;
  description: string | null;
  /** Encrypted with the keys of `keys/credential`. */
  encryptedSecret: string;
  extra: Extra;
}

/** Options of a domain, by group: kept and shown, for no driver of ours reads them. Its id is the domain's. */
export interface DomainConfigRecord {
  id: string;
  groups: Readonly<Record<string, Readonly<Record<string, string | number | boolean | null>>>>;
}
