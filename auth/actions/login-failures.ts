import { commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, withRetries } from '../context.ts';
import type { UserRecord } from '../store/records.ts';

/**
 * Counts an attempt to log in as a user whose proof has been checked. While the user is locked out a right proof counts for nothing,
 * and is answered like a wrong one. However many attempts run at once, only so many of them learn anything. A right proof takes
 * nothing back: of several it may be the one that a guesser has.
 *
 * @returns whether the proof counts.
 * Spec: Keystone, `[security_compliance] lockout_failure_attempts`; CVE-2021-38155.
 */
export async function countAttempt(context: AuthContext, user: UserRecord, matches: boolean): Promise<boolean> {
  const { tables, store, config, clock } = context;
  const most = config.lockout_failures;
  if (most === 0 || user.options['ignore_lockout_failure_attempts'] === true) return matches;
  return withRetries(async () => {
    const stored = await tables.loginFailures.get(user.id);
    const nowMs = clock.nowMs();
    const lasts = stored !== undefined && nowMs - stored.record.lastMs < config.lockout_s * 1000;
    if (stored && stored.record.count >= most && lasts) return false;
    if (matches) return true;
    const isOver = stored !== undefined && stored.record.count >= most;
    const record = { id: user.id, count: stored && !isOver ? stored.record.count + 1 : 1, lastMs: nowMs };
    await commitChanges(
      store,
      stored ? tables.loginFailures.replace(stored, record) : tables.loginFailures.insert(record),
    );
    return false;
  });
}

/** Forgets the failures of a user who has given every proof that its rules ask for. */
export async function forgetFailures({ tables, store, config }: AuthContext, { id }: UserRecord): Promise<void> {
  if (config.lockout_failures === 0) return;
  await withRetries(async () => {
    const stored = await tables.loginFailures.get(id);
    if (stored) await commitChanges(store, tables.loginFailures.remove(stored));
  });
}
