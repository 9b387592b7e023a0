import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import type { AuthConfig } from '../config.ts';
import { badRequest } from '../errors.ts';
import type { UserRecord } from '../store/records.ts';
import { DAY_MS } from '../times.ts';
import type { PasswordHasher } from './password-hasher.ts';
import { verifyPassword } from './scrypt.ts';

export interface NewPassword {
  /** Null for none: the user cannot log in with a password. */
  password: string | null;
  /** Whether the user chose it. */
  isOwn: boolean;
}

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
      throw new StartError(`configuration: auth.password_regex: ${(error as Error).message}`, EX_CONFIG, error);
    }
  }

  /** @throws ApiError 400 in the operator's words. */
  assertStrong(password: string): void {
    if (!this.pattern || this.pattern.test(password)) return;
    const why = this.config.password_regex_description || 'it does not match the rule of this cloud';
    throw badRequest(`The password does not meet the requirements: ${why}.`);
  }

  /** @throws ApiError 400 for a password that its user has chosen and may not change yet. */
  assertOldEnough({ passwordChangedMs, passwordIsOwn }: UserRecord, nowMs: number): void {
    if (passwordIsOwn !== true) return;
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
  expiresAtMs({ passwordChangedMs, passwordMustChange, options }: UserRecord): number | null {
    const { password_expires_days: days } = this.config;
    if (passwordChangedMs === null || options['ignore_password_expiry'] === true) return null;
    if (passwordMustChange === true) return passwordChangedMs;
    return days === 0 ? null : passwordChangedMs + days * DAY_MS;
  }

  /**
   * The fields of a user with a new password, or none. One that an administrator sets may be for its first use only.
   *
   * Spec: Keystone, `[security_compliance] change_password_upon_first_use`.
   */
  async changesOf(
    user: Pick<UserRecord, 'passwordHash' | 'passwordHistory' | 'options'>,
    { password, isOwn }: NewPassword,
    hasher: PasswordHasher,
  ) {
    const kept = [user.passwordHash, ...(user.passwordHistory ?? [])].filter((hash) => hash !== null);
    const isSpared = isOwn || user.options['ignore_change_password_upon_first_use'] === true;
    return {
      passwordHash: password === null ? null : await hasher.hash(password),
      passwordHistory: kept.slice(0, Math.max(0, this.config.password_history - 1)),
      passwordIsOwn: isOwn,
      passwordMustChange: password !== null && this.config.change_password_upon_first_use && !isSpared,
    };
  }
}
