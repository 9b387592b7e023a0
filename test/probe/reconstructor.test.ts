import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Martlet } from '../support/martlet.ts';

const OBJECTS = 40;
const BODY_BYTES = 300_000;
const MEND_MS = 60_000;

/** Erasure coded bodies on a disk that is lost, mended by a process that is killed in the middle. */
describe('a device that loses its fragments', () => {
  let folder: string;
  let martlet: Martlet;
  let url: string;
  let headers: Record<string, string>;
  const bodies = Array.from({ length: OBJECTS }, () => randomBytes(BODY_BYTES));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-mended-'));
    await configure(40);
    martlet = await Martlet.start({ args: ['--config', join(folder, 'martlet.yaml')] });
    await logIn();
    await fetch(`${url}/c`, { method: 'PUT', headers: { ...headers, 'x-storage-policy': 'coded' } });
    for (const [index, body] of bodies.entries())
      expect((await fetch(`${url}/c/${index}`, { method: 'PUT', headers, body })).status).toBe(201);
  });

  afterAll(async () => {
    await martlet?.remove();
    await rm(folder, { recursive: true });
  });

  async function configure(rate: number): Promise<void> {
    const policies = [
      { index: 0, name: 'whole', default: true },
      { index: 1, name: 'coded', type: 'erasure_coding', data_fragments: 2, parity_fragments: 1 },
    ];
    const proxy = { policies, reconstructor_interval: 1, reconstructor_rate: rate };
    await writeFile(join(folder, 'martlet.yaml'), stringify({ log_level: 'debug', proxy }));
  }

  async function logIn(): Promise<void> {
    const { OS_PASSWORD: password = '' } = await martlet.environment();
    const login = await fetch(martlet.url(8080, '/auth/v1.0'), {
      headers: { 'x-auth-user': 'demo:demo', 'x-auth-key': password },
    });
    url = login.headers.get('x-storage-url') ?? '';
    headers = { 'x-auth-token': login.headers.get('x-auth-token') ?? '' };
  }

  /** Fragments of these bodies are files of their own. */
  async function fragmentsOn(device: string): Promise<number> {
    const entries = await readdir(join(martlet.data, 'devices', device, 'large'), {
      recursive: true,
      withFileTypes: true,
    }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).length;
  }

  /** Rounds since the last start that found everything in its place. */
  const wholeRounds = () =>
    martlet.printed
      .split('\n')
      .filter((line) => line.includes('fragments were looked after'))
      .map((line) => JSON.parse(line) as { looked: number; mended: number; failed: number })
      .filter(({ looked, mended, failed }) => looked >= 3 * OBJECTS && mended + failed === 0).length;

  /** As if the disk were new, but for the listings, which have replicas of their own. */
  async function wipe(device: string): Promise<void> {
    const path = join(martlet.data, 'devices', device);
    for (const name of await readdir(path))
      if (name !== 'listings') await rm(join(path, name), { recursive: true, force: true });
  }

  async function assertAllThere(): Promise<void> {
    for (const [index, body] of bodies.entries()) {
      const response = await fetch(`${url}/c/${index}`, { headers });
      expect([index, response.status]).toEqual([index, 200]);
      expect(Buffer.from(await response.arrayBuffer()).equals(body), `object ${index}`).toBe(true);
    }
  }

  it('has them again without a read, though the process is killed again and again', async () => {
    const had = await fragmentsOn('d1');
    expect(had).toBeGreaterThan(10);
    await martlet.down();
    await wipe('d1');
    await martlet.up();
    for (const share of [0.2, 0.5]) {
      await expect.poll(() => fragmentsOn('d1'), { timeout: MEND_MS }).toBeGreaterThan(had * share);
      await martlet.kill();
      await martlet.up();
    }
    await expect.poll(wholeRounds, { timeout: MEND_MS }).toBeGreaterThan(0);
    expect(await fragmentsOn('d1')).toBeGreaterThanOrEqual(had);
    await logIn();
    await assertAllThere();
  });

  it('which are as good as the first ones: another device may be lost', async () => {
    await martlet.down();
    await wipe('d2');
    // So slow that nothing is mended meanwhile but by reads.
    await configure(1);
    await martlet.up();
    await logIn();
    await assertAllThere();
  });
});
