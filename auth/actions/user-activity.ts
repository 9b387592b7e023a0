import type { AuthContext } from '../context.ts';
import type { UserRecord } from '../store/records.ts';
import { DAY_MS, dayOf } from '../times.ts';

/**
 * When a user counts as disabled because it has not logged in for too long, milliseconds since the epoch; infinity for never.
 * Its days begin with its last login, or when it was enabled or made; for a user of whom none is known, with its password.
 *
 * Spec: Keystone, `[security_compliance] disable_user_account_days_inactive`.
 */
export function inactiveFromMs({ config }: AuthContext, user: UserRecord): number {
  const { disable_inactive_days: days } = config;
  if (days === 0 || user.options['ignore_user_inactivity'] === true) return Number.POSITIVE_INFINITY;
  const day = user.activeDay ?? (user.passwordChangedMs === null ? undefined : dayOf(user.passwordChangedMs));
  return day === undefined ? Number.POSITIVE_INFINITY : (day + days) * DAY_MS;
}

/** Whether a user may do anything: nobody has disabled it, and it has logged in lately enough. */
export function isUserEnabled(context: AuthContext, user: UserRecord): boolean {
  return user.enabled && context.clock.nowMs() < inactiveFromMs(context, user);
}

/** Notes a login; written once a day, whether or not inactivity counts at present: it may from tomorrow on. */
export async function noteActivity({ tables, clock }: AuthContext, { id, activeDay }: UserRecord): Promise<void> {
  const day = dayOf(clock.nowMs());
  if (activeDay === day) return;
  await tables.users.update(id, (current) => (current.activeDay === day ? undefined : { ...current, activeDay: day }));
}
