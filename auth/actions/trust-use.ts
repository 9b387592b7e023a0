import { commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, withRetries } from '../context.ts';
import { refused } from '../errors.ts';
import type { UserRecord } from '../store/records.ts';
import { type LiveDelegation, resolveDelegation } from './delegation.ts';

/**
 * Uses a trust once, in the name of its trustee. A use is counted before its token exists: a crash in between costs a use, never
 * gives one.
 *
 * @throws ApiError 403 where there is no such trust, it has ended or been used up, or is for somebody else: which of them is not told.
 */
export function consumeTrust(
  context: AuthContext,
  user: UserRecord,
  trustId: string,
  nowMs: number,
): Promise<LiveDelegation> {
  return withRetries(async () => {
    const { tables, store } = context;
    const stored = await tables.trusts.get(trustId);
    const live = await resolveDelegation(context, { kind: 'trust', id: trustId });
    const uses = stored?.record.remainingUses ?? null;
    if (!stored || !live || stored.record.trusteeId !== user.id || uses === 0 || live.expiresAtMs <= nowMs)
      throw refused('The trust cannot be used.');
    if (uses !== null)
      await commitChanges(store, tables.trusts.replace(stored, { ...stored.record, remainingUses: uses - 1 }));
    return live;
  });
}
