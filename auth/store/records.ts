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
  options: Extra;
  extra: Extra;
  /** Tokens issued until this time are refused; set when it is disabled and when its password changes. */
  tokensNotBeforeMs: number;
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
