import { commitChanges } from '../../common/kv/table.ts';
import { type AuthContext, withRetries } from '../context.ts';
import { totpStepOf } from '../passwords/totp.ts';
import { ownedBy } from '../store/owned.ts';
import type { UserRecord } from '../store/records.ts';
import { open } from './credentials.ts';
import { countAttempt } from './login-failures.ts';

/**
 * Whether a passcode is of one of the user's TOTP seeds, now, and for the first time.
 *
 * Spec: Identity API v3, "Time-based One-time Password"; RFC 6238, section 5.2.
 */
export async function authenticateByTotp(context: AuthContext, user: UserRecord, passcode: string): Promise<boolean> {
  const owned = await ownedBy(context.store, context.tables.credentials, 'user', user.id);
  let matches = false;
  for (const { record } of owned) {
    if (record.type !== 'totp') continue;
    const step = totpStepOf(open(context, record).blob, passcode, context.clock.nowMs());
    if (step !== undefined && (await takeStep(context, record.id, step))) matches = true;
  }
  return countAttempt(context, user, matches);
}

/** A step is taken before its code lets anybody in: a crash in between costs a code. @returns false where it was taken before. */
function takeStep({ tables, store }: AuthContext, id: string, step: number): Promise<boolean> {
  return withRetries(async () => {
    const stored = await tables.totpUses.get(id);
    if (stored && stored.record.step >= step) return false;
    const record = { id, step };
    await commitChanges(store, stored ? tables.totpUses.replace(stored, record) : tables.totpUses.insert(record));
    return true;
  });
}
