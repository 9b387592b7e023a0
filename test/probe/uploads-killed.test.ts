import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';

const UPLOADS = 200;
const CONCURRENCY = 16;
const ROUNDS = 3;

/** Judge 6: kill -9 in the middle of 200 uploads. */
describe('kill -9 in the middle of uploads', () => {
  let martlet: Martlet;
  let url: string;
  let headers: Record<string, string>;

  beforeAll(async () => {
    martlet = await Martlet.start();
    await login();
  });

  afterAll(() => martlet.remove());

  async function login(): Promise<void> {
    const { OS_PASSWORD } = await martlet.environment();
    const response = await fetch(martlet.url(8080, '/auth/v1.0'), {
      headers: { 'x-auth-user': 'demo:demo', 'x-auth-key': OS_PASSWORD ?? '' },
    });
    url = response.headers.get('x-storage-url') ?? '';
    headers = { 'x-auth-token': response.headers.get('x-auth-token') ?? '' };
  }

  for (let round = 0; round < ROUNDS; round += 1) {
    it(`loses nothing acknowledged, keeps nothing torn, and lists what it serves (round ${round + 1})`, async () => {
      const container = `round-${round}`;
      await expect((await fetch(`${url}/${container}`, { method: 'PUT', headers })).status).toBe(201);
      const bodies = Array.from({ length: UPLOADS }, (_, index) => bodyOf(round, index));
      const acknowledged = new Set<number>();
      let next = 0;
      let killed = false;
      const killAt = Math.floor(UPLOADS * (0.2 + 0.3 * round));
      const upload = async () => {
        while (next < UPLOADS && !killed) {
          const index = next;
          next += 1;
          const response = await fetch(`${url}/${container}/${index}`, {
            method: 'PUT',
            headers,
            body: bodies[index] ?? '',
          }).catch(() => undefined);
          if (response?.status === 201) acknowledged.add(index);
          if (acknowledged.size >= killAt && !killed) {
            killed = true;
            void martlet.kill();
          }
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, upload));
      await martlet.kill();
      await martlet.up();
      await login();

      expect(acknowledged.size).toBeGreaterThanOrEqual(killAt);
      const served = new Map<string, string>();
      for (let index = 0; index < UPLOADS; index += 1) {
        const response = await fetch(`${url}/${container}/${index}`, { headers });
        const body = Buffer.from(await response.arrayBuffer());
        if (response.status === 404) {
          expect(acknowledged.has(index), `acknowledged object ${index} is gone`).toBe(false);
          continue;
        }
        expect(response.status).toBe(200);
        expect(body.equals(bodies[index] ?? Buffer.alloc(0)), `object ${index} is not whole`).toBe(true);
        served.set(String(index), createHash('md5').update(body).digest('hex'));
      }
      await expect.poll(() => listed(container), { timeout: 30_000 }).toEqual(Object.fromEntries(served));
      await expect
        .poll(
          async () =>
            (await fetch(`${url}/${container}`, { method: 'HEAD', headers })).headers.get('x-container-object-count'),
          { timeout: 30_000 },
        )
        .toBe(String(served.size));
    });
  }

  async function listed(container: string): Promise<Record<string, string>> {
    const rows = (await (await fetch(`${url}/${container}?format=json`, { headers })).json()) as {
      name: string;
      hash: string;
    }[];
    return Object.fromEntries(rows.map(({ name, hash }) => [name, hash]));
  }
});

/** Sizes on both sides of every block and buffer boundary there is. */
function bodyOf(round: number, index: number): Buffer {
  const sizeBytes = [0, 1, 4096, 65_536, 65_537, 300_000, 1_500_000][index % 7] ?? 0;
  return Buffer.alloc(sizeBytes, `${round}/${index} `);
}
