// Token validation and issue on the identity service: server CPU per request, and how long a listing holds everybody up, in a
// cloud of 10,000 users, 1,000 projects and 100,000 role assignments beside an empty one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';

const USERS = Number(process.env.USERS ?? 10_000);
const PROJECTS = Number(process.env.PROJECTS ?? 1_000);
const ASSIGNMENTS = Number(process.env.ASSIGNMENTS ?? 100_000);
const REQUESTS = Number(process.env.REQUESTS ?? 3_000);
const CONCURRENCY = 8;
const OFFSET = 23_000;
const TICKS_PER_SECOND = 100;
const BASE = `http://127.0.0.1:${5000 + OFFSET}/v3`;

const folder = mkdtempSync(join(tmpdir(), 'martlet-bench-identity-'));
const data = join(folder, 'data');
const agent = new Agent({ connections: CONCURRENCY });
const rows = [];
try {
  rows.push(...(await withMartlet(() => measureAll('empty'))));
  await load();
  rows.push(...(await withMartlet(() => measureAll('loaded'))));
} finally {
  await agent.close();
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);

async function withMartlet(work) {
  const martlet = spawn(
    join(import.meta.dirname, '../bin/martlet'),
    ['start', '--only', 'auth', '--data', data, '--port-offset', String(OFFSET)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    await new Promise((resolve, reject) => {
      martlet.stdout.on('data', (chunk) => chunk.toString().includes('martlet is ready') && resolve());
      martlet.on('exit', (code) => reject(new Error(`martlet ended with ${code}`)));
    });
    return await work(martlet.pid);
  } finally {
    const ended = once(martlet, 'exit');
    martlet.kill('SIGTERM');
    await ended;
  }
}

/** Straight into the records of the stopped cloud: the API would take minutes. */
async function load() {
  const { LevelStore } = await import('../dist/common/kv/level-store.js');
  const { createTables, nameKey } = await import('../dist/auth/store/tables.js');
  const { assignmentOf } = await import('../dist/auth/store/assignments.js');
  const store = await LevelStore.open(join(data, 'control'));
  const tables = createTables(store);
  const role = (await tables.roles.findBy('name', nameKey(null, 'member'))).record;
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
  for (let index = 0; index < PROJECTS; index += 1) {
    const project = {
      ...common,
      id: id('a', index),
      name: `project-${index}`,
      domainId: 'default',
      parentId: 'default',
    };
    await add(tables.projects.insert({ ...project, isDomain: false, tags: [] }));
  }
  for (let index = 0; index < USERS; index += 1) {
    const user = { ...common, id: id('b', index), name: `user-${index}`, domainId: 'default', defaultProjectId: null };
    await add(tables.users.insert({ ...user, passwordHash: null, passwordChangedMs: null }));
  }
  for (let index = 0; index < ASSIGNMENTS; index += 1) {
    const target = { targetKind: 'project', targetId: id('a', Math.floor(index / USERS + index) % PROJECTS) };
    const actor = { actorKind: 'user', actorId: id('b', index % USERS) };
    const assignment = assignmentOf({ ...actor, ...target, roleId: role.id });
    // A pair that comes twice would be the same record twice in one batch.
    if (batch.writes.some(({ key }) => key.endsWith(assignment.id))) continue;
    await add(tables.assignments.insert(assignment));
  }
  await flush();
  await store.close();
}

async function measureAll(cloud) {
  const pid = Number(readFileSync(join(data, 'martlet.pid'), 'utf8').split(' ')[0]);
  const password = /OS_PASSWORD='(.*)'/.exec(readFileSync(join(data, 'admin-openrc'), 'utf8'))[1];
  const scope = { project: { name: 'admin', domain: { id: 'default' } } };
  const user = { name: 'admin', domain: { id: 'default' }, password };
  const login = await post({ methods: ['password'], password: { user } }, scope);
  const token = login.headers['x-subject-token'];
  const headers = { 'x-auth-token': token, 'x-subject-token': token };
  const get = (path) => async () => {
    const answer = await request(`${BASE}${path}`, { headers, dispatcher: agent });
    let bytes = 0;
    for await (const chunk of answer.body) bytes += chunk.length;
    if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}`);
    return bytes;
  };
  const row = (what, figures) => ({ cloud, what, ...figures });
  const rows = [
    row('validate', await perRequest(pid, REQUESTS, get('/auth/tokens'))),
    row('validate, no catalog', await perRequest(pid, REQUESTS, get('/auth/tokens?nocatalog'))),
    row(
      'issue, token from token',
      await perRequest(pid, REQUESTS, () => post({ methods: ['token'], token: { id: token } }, scope)),
    ),
    row('users?limit=100', await perRequest(pid, 200, get('/users?limit=100'))),
    row('users?name=admin', await perRequest(pid, 500, get('/users?name=admin'))),
  ];
  for (const path of ['/users', '/projects', '/role_assignments', '/role_assignments?include_names'])
    rows.push(row(path.slice(1), await holdOf(pid, get(path))));
  return rows;
}

async function post(identity, scope) {
  const answer = await request(`${BASE}/auth/tokens`, {
    method: 'POST',
    dispatcher: agent,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope } }),
  });
  await answer.body.dump();
  if (answer.statusCode !== 201) throw new Error(`login answered ${answer.statusCode}`);
  return answer;
}

async function perRequest(pid, count, ask) {
  for (let index = 0; index < count / 2; index += 1) await ask();
  const before = cpuSeconds(pid);
  const started = performance.now();
  let left = count;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  const seconds = (performance.now() - started) / 1000;
  return {
    'CPU us': Math.round(((cpuSeconds(pid) - before) / count) * 1e6),
    'requests/s': Math.round(count / seconds),
  };
}

/** One whole listing, while others ask for next to nothing: what they wait for, at worst and usually. */
async function holdOf(pid, list) {
  const waits = [];
  let done = false;
  const before = cpuSeconds(pid);
  const pinger = (async () => {
    while (!done) {
      const started = performance.now();
      const answer = await request(`${BASE}/`, { dispatcher: agent });
      await answer.body.dump();
      waits.push(performance.now() - started);
    }
  })();
  const started = performance.now();
  const bytes = await list();
  const tookMs = performance.now() - started;
  done = true;
  await pinger;
  const sorted = waits.toSorted((left, right) => left - right);
  const at = (share) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1));
  const figures = {
    'took ms': Math.round(tookMs),
    'others wait ms, median': at(0.5),
    'at 99 %': at(0.99),
    'at worst': at(1),
  };
  return { ...figures, 'CPU ms': Math.round((cpuSeconds(pid) - before) * 1000), KiB: Math.round(bytes / 1024) };
}

function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}
