import type { Change, Stored, Table } from '../../common/kv/table.ts';
import { type AuthContext, commitAndRevoke, withRetries } from '../context.ts';
import { ownedBy } from '../store/owned.ts';
import type { AssignmentRecord, RemovalRecord } from '../store/records.ts';

type Kind = RemovalRecord['kind'];
type Removed = { id: string; change: Change };

/**
 * Removes a user, group, project, domain or role. The record goes first, in one batch with a note of what is left to do: from
 * then on nothing can be given to it and no token of it holds. Then goes what refers to it; a crash on the way leaves the note,
 * and `finishRemovals` ends it.
 *
 * @throws ConflictError when the record changed since it was read.
 */
export async function removeWithReferences(context: AuthContext, kind: Kind, removed: Removed): Promise<void> {
  const removal = { id: `${kind}/${removed.id}`, kind };
  const note = (await context.tables.removals.get(removal.id)) ? [] : [context.tables.removals.insert(removal)];
  await commitAndRevoke(context, removed.change, ...note);
  await finishRemoval(context, removal);
}

/** Ends the removals that a crash interrupted. */
export async function finishRemovals(context: AuthContext): Promise<void> {
  for (const removal of await context.tables.removals.list()) await finishRemoval(context, removal);
}

async function finishRemoval(context: AuthContext, removal: RemovalRecord): Promise<void> {
  const { tables } = context;
  const id = removal.id.slice(removal.kind.length + 1);
  await withRetries(() => REFERENCES[removal.kind](context, id));
  const note = await tables.removals.get(removal.id);
  if (note) await commitAndRevoke(context, tables.removals.remove(note));
}

const REFERENCES: Readonly<Record<Kind, (context: AuthContext, id: string) => Promise<void>>> = {
  async user(context, id) {
    const { tables } = context;
    await removeAssignments(context, await tables.assignments.ofActor('user', id));
    for (const groupId of await tables.memberships.groupsOf(id)) await removeMembership(context, id, groupId);
    await removeOwned(context, tables.applicationCredentials, 'user', id);
    const failures = await tables.loginFailures.get(id);
    if (failures) await commitAndRevoke(context, tables.loginFailures.remove(failures));
    await removeOwned(context, tables.accessRules, 'user', id);
    await removeOwned(context, tables.credentials, 'user', id);
    await removeOwned(context, tables.trusts, 'trustor', id);
    await removeOwned(context, tables.trusts, 'trustee', id);
  },
  async group(context, id) {
    const { tables } = context;
    await removeAssignments(context, await tables.assignments.ofActor('group', id));
    for (const userId of await tables.memberships.usersOf(id)) await removeMembership(context, userId, id);
  },
  async project(context, id) {
    const { tables } = context;
    await removeAssignments(context, await tables.assignments.onTarget('project', id));
    await removeOwned(context, tables.applicationCredentials, 'project', id);
    await removeOwned(context, tables.credentials, 'project', id);
    await removeOwned(context, tables.trusts, 'project', id);
    await removeOwned(context, tables.limits, 'owner', id);
    await removeBelow(context, tables.endpointAssociations, id);
  },
  async role(context, id) {
    const { tables } = context;
    const assignments = await tables.assignments.listForward();
    await removeAssignments(
      context,
      assignments.filter(({ roleId }) => roleId === id),
    );
    for await (const stored of tables.impliedRoles.scan()) {
      const { priorId, impliedId } = stored.record;
      if (priorId === id || impliedId === id) await commitAndRevoke(context, tables.impliedRoles.remove(stored));
    }
  },
  async domain(context, id) {
    const { tables } = context;
    await removeAssignments(context, await tables.assignments.onTarget('domain', id));
    await removeOwned(context, tables.limits, 'owner', id);
    const config = await tables.domainConfigs.get(id);
    if (config) await commitAndRevoke(context, tables.domainConfigs.remove(config));
    await removeAssignments(context, await tables.assignments.onTarget('project', id));
    const contained: [Kind, Removable][] = [
      ['project', tables.projects],
      ['user', tables.users],
      ['group', tables.groups],
      ['role', tables.roles],
    ];
    for (const [kind, table] of contained) {
      for await (const stored of table.scan()) {
        if (stored.record.domainId !== id) continue;
        await removeWithReferences(context, kind, { id: stored.record.id, change: table.remove(stored) });
      }
    }
  },
};

/** What all tables of a domain's resources have in common. */
interface Removable {
  scan(): AsyncGenerator<Stored<{ id: string; domainId: string | null }>, void, void>;
  remove(stored: Stored<{ id: string; domainId: string | null }>): Change;
}

async function removeAssignments(context: AuthContext, assignments: readonly AssignmentRecord[]): Promise<void> {
  for (const assignment of assignments) {
    const change = await context.tables.assignments.removal(assignment);
    if (change) await commitAndRevoke(context, change);
  }
}

async function removeOwned<T extends { id: string }>(
  context: AuthContext,
  table: Table<T>,
  index: string,
  ownerId: string,
): Promise<void> {
  for (const stored of await ownedBy(context.store, table, index, ownerId))
    await commitAndRevoke(context, table.remove(stored));
}

/** Records whose ids begin with another's. */
async function removeBelow<T extends { id: string }>(context: AuthContext, table: Table<T>, id: string): Promise<void> {
  for await (const stored of table.scan(`${id}/`)) await commitAndRevoke(context, table.remove(stored));
}

async function removeMembership(context: AuthContext, userId: string, groupId: string): Promise<void> {
  const change = await context.tables.memberships.removal({ id: `${userId}/${groupId}`, userId, groupId });
  if (change) await commitAndRevoke(context, change);
}
