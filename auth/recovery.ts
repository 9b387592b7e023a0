import { commitChanges } from '../common/kv/table.ts';
import type { BootstrapDeps } from './bootstrap.ts';
import { hashPassword } from './passwords/scrypt.ts';
import { createTables, nameKey } from './store/tables.ts';
import { dayOf } from './times.ts';

export interface NewPassword {
  userName: string;
  domainId: string;
  password: string;
}

/**
 * Gives a user a new password with nothing but the records at hand: enables the user, ends a lock-out, ends all tokens.
 * For when nobody can log in any more; the service must not be running.
 *
 * @returns false where there is no such user.
 */
export async function resetPassword(
  { store, config }: BootstrapDeps,
  { userName, domainId, password }: NewPassword,
  nowMs: number,
): Promise<boolean> {
  const tables = createTables(store);
  const found = await tables.users.findBy('name', nameKey(domainId, userName));
  if (!found) return false;
  const now = Math.floor(nowMs);
  const next = {
    ...found.record,
    enabled: true,
    passwordHash: await hashPassword(password, config.password_hash_cost),
    passwordChangedMs: now,
    passwordIsOwn: false,
    passwordMustChange: false,
    activeDay: dayOf(now),
    tokensNotBeforeMs: now,
  };
  const failures = await tables.loginFailures.get(found.record.id);
  await commitChanges(
    store,
    tables.users.replace(found, next),
    ...(failures ? [tables.loginFailures.remove(failures)] : []),
  );
  return true;
}

/** Whether there is a user of this name. */
export async function hasUser({ store }: BootstrapDeps, userName: string, domainId: string): Promise<boolean> {
  return (await createTables(store).users.findBy('name', nameKey(domainId, userName))) !== undefined;
}
