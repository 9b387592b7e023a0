import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Martlet } from '../../support/martlet.ts';

const KILLS = 4;
const CLIENTS = 6;
/** Acknowledged changes after which the process is killed. */
const LEAST_ACKNOWLEDGED = 40;

let martlet: Martlet;

beforeAll(async () => {
  martlet = await Martlet.start({ args: ['--only', 'auth'], environment: { MARTLET_AUTH__PASSWORD_HASH_COST: '10' } });
}, 120_000);
afterAll(() => martlet.remove());

async function adminToken(): Promise<string> {
  const { OS_PASSWORD: password } = await martlet.environment('admin');
  const user = { name: 'admin', domain: { id: 'default' }, password };
  const scope = { project: { name: 'admin', domain: { id: 'default' } } };
  const answer = await fetch(martlet.url(5000, '/v3/auth/tokens'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } }),
  });
  expect(answer.status).toBe(201);
  return answer.headers.get('x-subject-token') ?? '';
}

/** Makes regions until nobody answers any more; `acknowledged` gets the request id of each that was. */
async function makeRegions(token: string, acknowledged: string[]): Promise<void> {
  for (;;) {
    try {
      const answer = await fetch(martlet.url(5000, '/v3/regions'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-auth-token': token },
        body: JSON.stringify({ region: {} }),
      });
      if (answer.status === 201) acknowledged.push(answer.headers.get('x-openstack-request-id') ?? '');
      else return;
    } catch {
      return;
    }
  }
}

it('the audit log has every change that was acknowledged, in whole lines, whenever the process is killed', async () => {
  const acknowledged: string[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const token = await adminToken();
    const enough = acknowledged.length + LEAST_ACKNOWLEDGED + kill;
    const clients = Array.from({ length: CLIENTS }, () => makeRegions(token, acknowledged));
    while (acknowledged.length < enough) await new Promise((resolve) => setImmediate(resolve));
    await martlet.kill();
    await Promise.all(clients);
    await martlet.up();
  }
  const text = await readFile(join(martlet.data, 'audit', 'identity.log'), 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { requestId: string });
  const recorded = new Set(events.map(({ requestId }) => requestId));
  expect(acknowledged.filter((requestId) => !recorded.has(requestId))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS * LEAST_ACKNOWLEDGED);
}, 240_000);
