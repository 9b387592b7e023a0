import type { Clock } from '../common/clock.ts';
import { InvariantError } from '../common/errors.ts';
import type { KeyValueStore } from '../common/kv/contract.ts';
import { type Change, ConflictError, commitChanges } from '../common/kv/table.ts';
import type { Logger } from '../common/log.ts';
import type { AuthConfig } from './config.ts';
import type { Policy } from './guard/contract.ts';
import type { SharedEpoch } from './guard/shared-epoch.ts';
import { MOST_ATTEMPTS } from './limits.ts';
import type { FailureLimiter } from './passwords/failure-limiter.ts';
import type { PasswordHasher } from './passwords/password-hasher.ts';
import type { PasswordRules } from './passwords/rules.ts';
import type { EndpointRecord, RoleRecord, ServiceRecord } from './store/records.ts';
import type { Tables } from './store/tables.ts';
import type { FernetKeyRepository } from './tokens/fernet-keys.ts';

/** A service that this installation serves itself: not stored, because its URL depends on how the program is started. */
export interface BuiltInService {
  /** `object-store`, `image`, … */
  type: string;
  name: string;
  /** Its endpoint, of all three interfaces; may hold `$(project_id)s`. */
  url: string;
}

/** The roles that there are, and the ids that each implies. */
export interface RoleMemory {
  epoch: number;
  byId: ReadonlyMap<string, RoleRecord>;
  implied: ReadonlyMap<string, readonly string[]>;
}

/** The stored entries of the catalog: they change seldom and go with every token. */
export interface CatalogMemory {
  epoch: number;
  services: readonly ServiceRecord[];
  endpoints: readonly EndpointRecord[];
}

/** What every action of the identity service works with. */
export interface AuthContext {
  store: KeyValueStore;
  tables: Tables;
  config: AuthConfig;
  clock: Clock;
  logger: Logger;
  epoch: SharedEpoch;
  policy: Policy;
  fernetKeys: FernetKeyRepository;
  /** Encrypt the blobs of credentials. */
  credentialKeys: FernetKeyRepository;
  passwords: PasswordHasher;
  passwordRules: PasswordRules;
  failures: FailureLimiter;
  /** Roles as they were at an epoch. */
  roles: RoleMemory;
  /** Services and endpoints as they were at an epoch. */
  catalog: CatalogMemory;
  builtIn: readonly BuiltInService[];
  /** Where clients reach identity, without `/v3` and without a trailing slash. */
  publicUrl: string;
}

/** Commits what may make a token untrue: cached verdicts of every thread end before the change is acknowledged. */
export async function commitAndRevoke(
  context: Pick<AuthContext, 'store' | 'epoch'>,
  ...changes: Change[]
): Promise<void> {
  try {
    await commitChanges(context.store, ...changes);
  } finally {
    // After a failed commit too: whether it was written may be unknown, and an epoch too many only costs cache entries.
    context.epoch.bump();
  }
}

/** Reads, decides and commits, again while a concurrent change wins. `decide` throws to refuse. */
export async function withRetries<T>(decide: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await decide();
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (attempt >= MOST_ATTEMPTS) throw new InvariantError(`lost ${attempt} races in a row: ${error.key}`);
    }
  }
}
