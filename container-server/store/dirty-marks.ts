import { randomBytes } from 'node:crypto';
import type { View } from './database.ts';
import { dirtyKey } from './keys.ts';

const BOOT = randomBytes(6).toString('hex');
let marks = 0;

/**
 * Notes, in the batch that changes a container's counts, that its accounts have to be told. Each mark has a value of its own: a
 * report clears the mark only if nothing changed since it was read.
 */
export function markDirty(view: View, account: string, container: string): void {
  marks += 1;
  view.put(dirtyKey(account, container), `${BOOT}-${marks}`);
}
