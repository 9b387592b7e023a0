import { randomUUID } from 'node:crypto';
import { type Change, ConflictError, commitChanges, type Stored, type Table } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke } from '../context.ts';
import { conflict, type ResourceKind } from '../errors.ts';
import { nameKey } from '../store/tables.ts';

interface Named {
  id: string;
  name: string;
  domainId: string | null;
}

/** An id as Keystone makes them: a UUID without dashes. */
export function newId(): string {
  return randomUUID().replaceAll('-', '');
}

/**
 * Stores a new record.
 *
 * @param also what must hold, or be written, with it.
 * @throws ApiError 409 when its name is taken; ConflictError when something of `also` does not hold any longer.
 */
export async function insertNamed<T extends Named>(
  context: AuthContext,
  table: Table<T>,
  kind: ResourceKind,
  record: T,
  ...also: Change[]
): Promise<void> {
  await namingConflicts(table, kind, record, () => commitChanges(context.store, table.insert(record), ...also));
}

/** Replaces a record; cached verdicts end. Throws as `insertNamed` does. */
export async function replaceNamed<T extends Named>(
  context: AuthContext,
  table: Table<T>,
  kind: ResourceKind,
  current: Stored<T>,
  next: T,
): Promise<void> {
  await namingConflicts(table, kind, next, () => commitAndRevoke(context, table.replace(current, next)));
}

async function namingConflicts<T extends Named>(
  table: Table<T>,
  kind: ResourceKind,
  { domainId, name }: Named,
  commit: () => Promise<void>,
): Promise<void> {
  try {
    await commit();
  } catch (error) {
    if (!(error instanceof ConflictError) || error.key !== table.uniqueKeyOf('name', nameKey(domainId, name)))
      throw error;
    const where = domainId === null ? '' : ` at domain ID ${domainId}`;
    throw conflict(kind, `Duplicate entry found with name ${name}${where}`);
  }
}
