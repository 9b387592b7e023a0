import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePortOffset } from '../support/free-ports.ts';
import { Martlet } from '../support/martlet.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/martlet');
const RINGS = { account: 6202, container: 6201, object: 6200 };
const OBJECTS = 40;

/** A cloud of two nodes on one machine: the second holds devices and is reached over HTTP with signed requests. */
describe('two nodes', () => {
  let folder: string;
  let first: Martlet;
  let second: Martlet;
  let url: string;
  let headers: Record<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-two-'));
    first = await Martlet.start({ data: join(folder, 'first') });
    await first.down();
    const offset = await freePortOffset();
    const data = join(folder, 'second');
    await execa(PROGRAM, [
      'join',
      join(first.data, 'join.yaml'),
      '--data',
      data,
      '--port-offset',
      String(offset),
      '--devices',
      'e1,e2',
    ]);
    for (const [name, port] of Object.entries(RINGS)) await growRing(name, port + offset);
    await first.up();
    second = await Martlet.start({ data, portOffset: offset, args: ['--only', 'object-server,container-server'] });
    const { OS_PASSWORD } = await first.environment();
    const login = await fetch(first.url(8080, '/auth/v1.0'), {
      headers: { 'x-auth-user': 'demo:demo', 'x-auth-key': OS_PASSWORD ?? '' },
    });
    url = login.headers.get('x-storage-url') ?? '';
    headers = { 'x-auth-token': login.headers.get('x-auth-token') ?? '' };
  });

  afterAll(async () => {
    await second?.remove();
    await first?.remove();
    await rm(folder, { recursive: true });
  });

  async function growRing(name: string, port: number): Promise<void> {
    const rings = join(first.data, 'rings');
    const builder = join(rings, `${name}.builder`);
    const ring = (...args: string[]) => execa(PROGRAM, ['ring', builder, ...args]);
    await ring('pretend_min_part_hours_passed');
    for (const device of ['e1', 'e2']) await ring('add', `r1z9-127.0.0.1:${port}/${device}`, '200');
    // 1 = done, with a warning that one more round will balance better.
    const { exitCode } = await execa(PROGRAM, ['ring', builder, 'rebalance'], { reject: false });
    expect([0, 1]).toContain(exitCode);
  }

  const bodyOf = (index: number) => Buffer.alloc(1 + index * 7919, `object ${index} `);

  async function assertAllThere(): Promise<void> {
    for (let index = 0; index < OBJECTS; index += 1) {
      const response = await fetch(`${url}/shared/${index}`, { headers });
      expect([index, response.status]).toEqual([index, 200]);
      expect(Buffer.from(await response.arrayBuffer()).equals(bodyOf(index)), `object ${index}`).toBe(true);
    }
    const listed = (await (await fetch(`${url}/shared?format=json`, { headers })).json()) as unknown[];
    expect(listed).toHaveLength(OBJECTS);
  }

  it('store replicas on both, and serve them through one proxy', async () => {
    expect((await fetch(`${url}/shared`, { method: 'PUT', headers })).status).toBe(201);
    for (let index = 0; index < OBJECTS; index += 1) {
      expect((await fetch(`${url}/shared/${index}`, { method: 'PUT', headers, body: bodyOf(index) })).status).toBe(201);
    }
    await assertAllThere();
    for (const device of ['e1', 'e2']) {
      const folder = join(second.data, 'devices', device);
      expect((await readdir(join(folder, 'slabs'))).length, device).toBeGreaterThan(0);
      expect((await readdir(join(folder, 'large'), { recursive: true })).length, device).toBeGreaterThan(0);
    }
  });

  it('serve everything while one is gone, and take writes where a quorum is left', async () => {
    await second.kill();
    await assertAllThere();
    const statuses = new Set<number>();
    for (let index = 0; index < 10; index += 1) {
      statuses.add((await fetch(`${url}/shared/late-${index}`, { method: 'PUT', headers, body: 'late' })).status);
    }
    expect([...statuses]).toEqual([201]);
    for (let index = 0; index < 10; index += 1) {
      expect((await fetch(`${url}/shared/late-${index}`, { method: 'DELETE', headers })).status).toBe(204);
    }
    await second.up();
    await assertAllThere();
  });
});
