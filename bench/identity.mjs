// The identity service: what issuing and validating a token costs, beside Debian's Keystone; whether that, and pages of lists, stay
// the same in a cloud of 10,000 users, 1,000 projects and 100,000 role assignments; how long a list holds everybody up.
//
//   npm run bench -- identity        Keystone is measured where bench/peers/keystone.sh can run; KEYSTONE=no leaves it out
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from './identity/client.mjs';
import { loadRecords } from './identity/records.mjs';

const COUNTS = {
  users: Number(process.env.USERS ?? 10_000),
  projects: Number(process.env.PROJECTS ?? 1_000),
  assignments: Number(process.env.ASSIGNMENTS ?? 100_000),
};
const REQUESTS = Number(process.env.REQUESTS ?? 3_000);
const KEYSTONE_REQUESTS = Number(process.env.KEYSTONE_REQUESTS ?? 300);
const OFFSET = 23_000;
const BASE = `http://127.0.0.1:${5000 + OFFSET}/v3`;
const KEYSTONE = join(import.meta.dirname, 'peers/keystone.sh');
const PASSWORD_LOGINS = 20;

const folder = mkdtempSync(join(tmpdir(), 'martlet-bench-identity-'));
const data = join(folder, 'data');
const delaysFile = join(folder, 'delays.json');
const costs = [];
const lists = [];
try {
  await withMartlet((pid) => measure('Martlet, empty', pid));
  const loaded = await loadRecords(data, COUNTS);
  await withMartlet((pid) => measure(`Martlet, ${COUNTS.users} users`, pid, loaded));
  if (process.env.KEYSTONE !== 'no') await measureKeystone();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(costs);
console.table(lists);
printRatios();

async function withMartlet(work) {
  const preload = join(import.meta.dirname, 'identity/event-loop-delay.mjs');
  const martlet = spawn(
    join(import.meta.dirname, '../bin/martlet'),
    ['start', '--only', 'auth', '--data', data, '--port-offset', String(OFFSET)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: `--import ${preload}`, BENCH_DELAYS_FILE: delaysFile },
    },
  );
  try {
    await new Promise((resolve, reject) => {
      martlet.stdout.on('data', (chunk) => chunk.toString().includes('martlet is ready') && resolve());
      martlet.on('exit', (code) => reject(new Error(`martlet ended with ${code}`)));
    });
    await work(martlet.pid);
  } finally {
    const ended = once(martlet, 'exit');
    martlet.kill('SIGTERM');
    await ended;
  }
}

/** @param loaded a user with roles on ten projects among the many, and one of them. */
async function measure(cloud, pid, loaded) {
  const password = /OS_PASSWORD='(.*)'/.exec(readFileSync(join(data, 'admin-openrc'), 'utf8'))[1];
  const client = createClient({ url: BASE, pids: [pid] });
  try {
    await measureTokens(cloud, client, { password, requests: REQUESTS });
    if (loaded) {
      const token = await client.logIn(loaded.user, password, loaded.project);
      const issued = await client.perRequest(REQUESTS, () => client.issueFromToken(token, loaded.project));
      addCost(cloud, 'issue, token from token, of a user of ten projects', issued);
    }
    await measureLists(cloud, pid, client, { password, loaded });
  } finally {
    await client.close();
  }
}

async function measureTokens(cloud, client, { password, requests }) {
  const token = await client.logIn('admin', password, 'admin');
  const headers = { 'x-auth-token': token, 'x-subject-token': token };
  addCost(cloud, 'validate', await client.perRequest(requests, () => client.get('/auth/tokens', headers)));
  addCost(
    cloud,
    'validate, no catalog',
    await client.perRequest(requests, () => client.get('/auth/tokens?nocatalog', headers)),
  );
  addCost(
    cloud,
    'issue, token from token',
    await client.perRequest(requests, () => client.issueFromToken(token, 'admin')),
  );
  addCost(
    cloud,
    'issue, password',
    await client.perRequest(PASSWORD_LOGINS, () => client.logIn('admin', password, 'admin')),
  );
}

async function measureLists(cloud, pid, client, { password, loaded }) {
  const headers = { 'x-auth-token': await client.logIn('admin', password, 'admin') };
  const page = async (what, path) =>
    addCost(cloud, what, await client.perRequest(200, () => client.get(path, headers)));
  await page('users, first page of 100', '/users?limit=100');
  const middle = `b${String(COUNTS.users / 2).padStart(31, '0')}`;
  if (loaded) await page('users, page of 100 in the middle', `/users?limit=100&marker=${middle}`);
  await page('users by name', '/users?name=admin');
  for (const path of ['/users', '/projects', '/role_assignments', '/role_assignments?include_names'])
    lists.push({ cloud, list: path.slice(1), ...(await holdOf(pid, client, () => client.get(path, headers))) });
}

/** One whole list, while others ask for next to nothing: how long it holds the event loop, and what the others wait. */
async function holdOf(pid, client, list) {
  const waits = [];
  let done = false;
  const pinger = (async () => {
    while (!done) {
      const started = performance.now();
      await client.get('', {});
      waits.push(performance.now() - started);
    }
  })();
  await delaysSince(pid);
  const before = client.cpuSeconds();
  const started = performance.now();
  const bytes = await list();
  const tookMs = performance.now() - started;
  const held = await delaysSince(pid);
  done = true;
  await pinger;
  const sorted = waits.toSorted((left, right) => left - right);
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return {
    KiB: Math.round(bytes / 1024),
    'took ms': Math.round(tookMs),
    'CPU ms': Math.round((client.cpuSeconds() - before) * 1000),
    'loop held ms, at 99 %': round(held.p99Ms),
    'at 99.9 %': round(held.p999Ms),
    'at worst': round(held.maxMs),
    'at worst, computing': round(held.busyMs),
    'longest GC': round(held.longestCollectionMs),
    'others wait ms, median': at(0.5),
    'others, at 99 %': at(0.99),
  };
}

/** How long the server's event loop was held since the last time. */
async function delaysSince(pid) {
  rmSync(delaysFile, { force: true });
  process.kill(pid, 'SIGUSR2');
  while (!existsSync(delaysFile)) await delay(5);
  return JSON.parse(readFileSync(delaysFile, 'utf8'));
}

async function measureKeystone() {
  try {
    execFileSync(KEYSTONE, ['start'], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    console.error(`Keystone is not measured: ${KEYSTONE} start failed.\n${error.stderr ?? error}`);
    execFileSync(KEYSTONE, ['stop']);
    return;
  }
  try {
    const text = execFileSync(KEYSTONE, ['env'], { encoding: 'utf8' });
    const settingOf = (name) => new RegExp(`^${name}='?(.*?)'?$`, 'm').exec(text)?.[1] ?? '';
    const pids = settingOf('KEYSTONE_PIDS').split(' ').map(Number);
    const client = createClient({ url: settingOf('KEYSTONE_URL'), pids });
    const options = { password: settingOf('KEYSTONE_PASSWORD'), requests: KEYSTONE_REQUESTS };
    await measureTokens('Keystone, empty', client, options);
    await client.close();
  } finally {
    execFileSync(KEYSTONE, ['stop']);
  }
}

function addCost(cloud, what, { cpuUs, perSecond }) {
  costs.push({ cloud, what, 'CPU us': Math.round(cpuUs), 'requests/s': Math.round(perSecond) });
}

function printRatios() {
  for (const theirs of costs.filter(({ cloud }) => cloud.startsWith('Keystone'))) {
    const ours = costs.find(({ cloud, what }) => cloud === 'Martlet, empty' && what === theirs.what);
    const ratio = (name) => (theirs[name] / ours[name]).toFixed(1);
    console.log(`${theirs.what}: Keystone uses ${ratio('CPU us')} times the CPU`);
  }
}

function round(ms) {
  return Number(ms.toFixed(1));
}
