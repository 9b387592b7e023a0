import { StartError } from '../../common/errors.ts';
import type { AuthConfig } from '../config.ts';
import { badRequest } from '../errors.ts';
import type { UserRecord } from '../store/records.ts';
import type { PasswordHasher } from './password-hasher.ts';
import { verifyPassword } from './scrypt.ts';

const DAY_MS = 86_400_000;

/** What passwords must be like, how long they last, and how soon they may change. Spec: Keystone, `[security_compliance]`. */
export class PasswordRules {
  private readonly config: AuthConfig;
  private readonly pattern: RegExp | undefined;

  /** @throws StartError for an expression that is none. */
  constructor(config: AuthConfig) {
    this.config = config;
    try {
      this.pattern = config.password_regex === '' ? undefined : new RegExp(config.password_regex, 'u');
    } catch (error) {
      throw new StartError(`configuration: auth.password_regex: ${(error as Error).message}`, 78, error);
    }
  }

  /** @throws ApiError 400 in the operator's words. */
  assertStrong(password: string): void {
    if (!this.pattern || this.pattern.test(password)) return;
    const why = this.config.password_regex_description || 'it does not match the rule of this cloud';
    throw badRequest(`The password does not meet the requirements: ${why}.`);
  }

  /** @throws ApiError 400 for a password that its user may not change yet. */
  assertOldEnough({ passwordChangedMs }: UserRecord, nowMs: number): void {
    const waitMs = (passwordChangedMs ?? 0) + this.config.password_min_age_days * DAY_MS - nowMs;
    if (waitMs > 0) throw badRequest(`The password can be changed again in ${Math.ceil(waitMs / DAY_MS)} days.`);
  }

  /** @throws ApiError 400 for one of the last passwords. */
  async assertNew(user: UserRecord, password: string): Promise<void> {
    const { password_history: count } = this.config;
    for (const hash of [user.passwordHash, ...(user.passwordHistory ?? [])].slice(0, count))
      if (hash !== null && (await verifyPassword(password, hash)))
        throw badRequest(`The new password cannot be one of the last ${count}.`);
  }

  /** When a user's password ends, milliseconds since the epoch; null for never. */
  expiresAtMs({ passwordChangedMs, options }: UserRecord): number | null {
    const { password_expires_days: days } = this.config;
    if (days === 0 || passwordChangedMs === null || options['ignore_password_expiry'] === true) return null;
    return passwordChangedMs + days * DAY_MS;
  }

  /** The fields of a user with a new password, or none. */
  async changesOf(
    user: Pick<UserRecord, 'passwordHash' | 'passwordHistory'>,
    password: string | null,
    hasher: PasswordHasher,
  ) {
    const kept = [user.passwordHash, ...(user.passwordHistory ?? [])].filter((hash) => hash !== null);
    return {
      passwordHash: password === null ? null : await hasher.hash(password),
      passwordHistory: kept.slice(0, Math.max(0, this.config.password_history - 1)),
    };
  }
}
