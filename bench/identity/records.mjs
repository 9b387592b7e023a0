// A cloud of many users, projects and role assignments, for the benchmark of the identity service.
import { join } from 'node:path';

/**
 * Users, projects and assignments, straight into the records of the stopped cloud: the API would take minutes. The first user has
 * the administrator's password.
 *
 * @returns {Promise<{user: string, project: string}>} names of a user with roles on ten projects, and of one of them.
 */
export async function loadRecords(data, counts = {}) {
  const { users = 10_000, projects = 1_000, assignments = 100_000 } = counts;
  const { LevelStore } = await import('../../dist/common/kv/level-store.js');
  const { createTables, nameKey } = await import('../../dist/auth/store/tables.js');
  const { assignmentOf } = await import('../../dist/auth/store/assignments.js');
  const store = await LevelStore.open(join(data, 'control'));
  const tables = createTables(store);
  const role = (await tables.roles.findBy('name', nameKey(null, 'member'))).record;
  const admin = (await tables.users.findBy('name', nameKey('default', 'admin'))).record;
  const id = (kind, index) => `${kind}${String(index).padStart(31, '0')}`;
  let batch = { conditions: [], writes: [] };
  const flush = async () => {
    if (batch.writes.length > 0) await store.commit(batch);
    batch = { conditions: [], writes: [] };
  };
  const add = async (change) => {
    batch.writes.push(...change.writes);
    if (batch.writes.length > 90) await flush();
  };
  const common = { enabled: true, description: '', options: {}, extra: {}, tokensNotBeforeMs: 0 };
  for (let index = 0; index < projects; index += 1) {
    const project = {
      ...common,
      id: id('a', index),
      name: `project-${index}`,
      domainId: 'default',
      parentId: 'default',
    };
    await add(tables.projects.insert({ ...project, isDomain: false, tags: [] }));
  }
  for (let index = 0; index < users; index += 1) {
    const user = { ...common, id: id('b', index), name: `user-${index}`, domainId: 'default', defaultProjectId: null };
    await add(
      tables.users.insert({ ...user, passwordHash: index === 0 ? admin.passwordHash : null, passwordChangedMs: null }),
    );
  }
  for (let index = 0; index < assignments; index += 1) {
    const target = { targetKind: 'project', targetId: id('a', Math.floor(index / users + index) % projects) };
    const actor = { actorKind: 'user', actorId: id('b', index % users) };
    const assignment = assignmentOf({ ...actor, ...target, roleId: role.id });
    // A pair that comes twice would be the same record twice in one batch.
    if (batch.writes.some(({ key }) => key.endsWith(assignment.id))) continue;
    await add(tables.assignments.insert(assignment));
  }
  await flush();
  await store.close();
  return { user: 'user-0', project: 'project-0' };
}
