import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePortOffset } from '../../support/free-ports.ts';
import { Martlet } from '../../support/martlet.ts';

const PROGRAM = join(import.meta.dirname, '../../../bin/martlet');
/** The promise to other nodes. */
const MOST_MS = 1_000;

let folder: string;
/** The node with identity. */
let first: Martlet;
/** Another node, which serves images and asks the first who calls. */
let second: Martlet;
let admin: string;
let subjects = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-nodes-'));
  const environment = { MARTLET_AUTH__PASSWORD_HASH_COST: '10' };
  first = await Martlet.start({ data: join(folder, 'first'), args: ['--only', 'auth'], environment });
  const portOffset = await freePortOffset();
  const data = join(folder, 'second');
  await execa(PROGRAM, ['join', join(first.data, 'join.yaml'), '--data', data, '--port-offset', String(portOffset)]);
  second = await Martlet.start({ data, portOffset, args: ['--only', 'image'] });
  const { OS_PASSWORD: password = '' } = await first.environment('admin');
  admin = await logIn('admin', password, 'admin');
}, 180_000);
afterAll(async () => {
  await second?.remove();
  await first?.remove();
  await rm(folder, { recursive: true, force: true });
});

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(first.url(5000, `/v3${path}`), {
    method,
    headers: { 'content-type': 'application/json', 'x-auth-token': admin ?? '', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
  return { status: answer.status, headers: answer.headers, body: (text === '' ? undefined : JSON.parse(text)) as any };
}

async function logIn(name: string, password: string, project: string): Promise<string> {
  const user = { name, domain: { id: 'default' }, password };
  const scope = { project: { name: project, domain: { id: 'default' } } };
  const auth = { identity: { methods: ['password'], password: { user } }, scope };
  const answer = await call('POST', '/auth/tokens', { auth });
  expect(answer.status).toBe(201);
  return answer.headers.get('x-subject-token') ?? '';
}

const askSecond = async (token: string) =>
  (await fetch(second.url(9292, '/v2/images'), { headers: { 'x-auth-token': token } })).status;

/** A user who is a member of a project, and a token that the second node knows. */
async function newSubject() {
  subjects += 1;
  const name = `subject-${subjects}`;
  const { id: projectId } = (await call('POST', '/projects', { project: { name } })).body.project;
  const { id: userId } = (await call('POST', '/users', { user: { name, password: 'pw' } })).body.user;
  const { id: roleId } = (await call('GET', '/roles?name=member')).body.roles[0];
  const grant = `/projects/${projectId}/users/${userId}/roles/${roleId}`;
  await call('PUT', grant);
  const token = await logIn(name, 'pw', name);
  for (let time = 0; time < 3; time += 1) expect(await askSecond(token)).toBe(200);
  return { projectId, userId, grant, token };
}

/** Waits until the second node no longer takes a token. @returns milliseconds from now to the last request that it still took. */
async function lastTaken(token: string): Promise<number> {
  const startedMs = performance.now();
  for (let takenMs = 0; ; ) {
    // When it was asked counts, not when the answer came: a slow machine breaks no promise.
    const askedMs = performance.now() - startedMs;
    if ((await askSecond(token)) !== 200) return takenMs;
    takenMs = askedMs;
    expect(takenMs, 'still taken').toBeLessThan(10 * MOST_MS);
  }
}

type Subject = Awaited<ReturnType<typeof newSubject>>;
const ENDS: Readonly<Record<string, (subject: Subject) => Promise<unknown>>> = {
  'it is revoked': ({ token }) => call('DELETE', '/auth/tokens', undefined, { 'x-subject-token': token }),
  'its role is taken away': ({ grant }) => call('DELETE', grant),
  'its user changes the password': ({ userId }) =>
    call('POST', `/users/${userId}/password`, { user: { original_password: 'pw', password: 'next' } }),
  'its user is disabled': ({ userId }) => call('PATCH', `/users/${userId}`, { user: { enabled: false } }),
  'its user is deleted': ({ userId }) => call('DELETE', `/users/${userId}`),
  'its project is disabled': ({ projectId }) =>
    call('PATCH', `/projects/${projectId}`, { project: { enabled: false } }),
};

describe('another node refuses a token within a second after', () => {
  it.each(Object.entries(ENDS))('%s', async (_what, end) => {
    const subject = await newSubject();
    await end(subject);
    expect(await lastTaken(subject.token)).toBeLessThan(MOST_MS);
    expect(await askSecond(subject.token)).toBe(401);
  });

  it('identity can no longer be heard: then it trusts nothing that it remembers', async () => {
    const { token } = await newSubject();
    await first.kill();
    expect(await lastTaken(token)).toBeLessThan(MOST_MS);
    expect(await askSecond(token)).toBe(503);
    await first.up();
    while ((await askSecond(token)) !== 200) await new Promise((resolve) => setImmediate(resolve));
  });
});
