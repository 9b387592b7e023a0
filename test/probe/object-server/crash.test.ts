import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../common/clock.ts';
import { ApiError } from '../../../common/errors.ts';
import { createLogger } from '../../../common/log.ts';
import { TimestampSource } from '../../../common/timestamp.ts';
import { type LocalListingStore, openListingStore } from '../../../container-server/store.ts';
import { type LocalObjectStore, openObjectStore } from '../../../object-server/store.ts';
import { compileEntry } from '../../support/compiled.ts';
import { LISTING_CONFIG, rowsIn, WHOLE } from '../../support/listing-store.ts';
import { md5, OBJECT_CONFIG, read } from '../../support/object-store.ts';

const ROUNDS = 8;

interface Said {
  kind: 'put' | 'remove' | 'post';
  name: string;
  device: string;
  partition: number;
  timestamp: string;
  etag: string;
  acknowledged: boolean;
}

interface Found {
  /** Time of the data or the tombstone; '' where there is neither. */
  baseAt: string;
  /** Of the object; undefined where there is none. */
  etag: string | undefined;
  /** Of the newest metadata. */
  newestAt: string;
}

describe('a storage process that is killed while two of its threads write the same objects', () => {
  const container = { device: 'd1', partition: 1, account: 'AUTH_a', container: 'c' };
  const account = { device: 'd2', partition: 2, account: 'AUTH_a' };
  const logger = createLogger('silent');
  let folder: string;
  let program: ReturnType<typeof compileEntry>;
  const history = new Map<string, Said[]>();

  beforeAll(async () => {
    program = compileEntry('test/probe/object-server/writer-entry.ts');
    folder = await mkdtemp(join(tmpdir(), 'martlet-crash-'));
    for (const name of ['d1', 'd2']) await mkdir(join(folder, name));
    await withStores(async (_objects, listings) => {
      const accounts = [{ ip: '127.0.0.1', port: 6202, device: 'd2', partition: 2 }];
      const timestamp = new TimestampSource(systemClock).next();
      await listings.createContainer(container, { timestamp, metadata: {}, defaultPolicyIndex: 0, accounts });
    });
  }, 60_000);
  afterAll(async () => {
    program?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  async function withStores(use: (objects: LocalObjectStore, listings: LocalListingStore) => Promise<void>) {
    const devices = ['d1', 'd2'].map((name) => ({ name, path: join(folder, name) }));
    const clock = systemClock;
    const listings: LocalListingStore = await openListingStore({
      devices,
      clock,
      logger,
      config: LISTING_CONFIG,
      listingStoreAt: () => listings,
    });
    await listings.start();
    const objects = openObjectStore({
      devices,
      lane: 0,
      clock,
      logger,
      config: OBJECT_CONFIG,
      listingStoreAt: () => listings,
      housekeeping: true,
    });
    await objects.start();
    try {
      await use(objects, listings);
    } finally {
      await objects.stop();
      await listings.stop();
    }
  }

  /** @returns how many operations were acknowledged before the kill. */
  async function writeAndKill(): Promise<number> {
    const child: ChildProcess = spawn(process.execPath, [program.path, folder], { stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'exit');
    let complaint = '';
    child.stderr?.on('data', (text) => {
      complaint += text;
    });
    if (child.stdout === null) throw new Error('the child has no stdout');
    const lines = createInterface({ input: child.stdout });
    const kill = () => child.kill('SIGKILL');
    let acknowledged = 0;
    const killAfter = randomInt(20, 150);
    for await (const line of lines) {
      if (!line.endsWith('}')) break; // cut by the kill
      const said = JSON.parse(line) as Said;
      const known = history.get(said.name) ?? [];
      history.set(said.name, [
        ...known.filter(
          ({ timestamp, kind }) => timestamp !== said.timestamp || kind !== said.kind || said.acknowledged === false,
        ),
        said,
      ]);
      if (said.acknowledged) acknowledged += 1;
      if (acknowledged === killAfter) setTimeout(kill, randomInt(30)); // anywhere in what runs now
    }
    await exited;
    expect(complaint).toBe('');
    return acknowledged;
  }

  async function look(objects: LocalObjectStore, { name, device, partition }: Said): Promise<Found> {
    const target = { device, partition, account: 'AUTH_a', container: 'c', object: name, policyIndex: 0 };
    try {
      const reading = await objects.open(target);
      const { state } = reading;
      const body = await read(reading); // every block verified
      expect(md5(body), `${name} is whole`).toBe(state.etag);
      return { baseAt: state.dataTimestamp, etag: state.etag, newestAt: state.timestamp };
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'ObjectNotFound') throw error;
      const baseAt = String(error.details['timestamp'] ?? '');
      return { baseAt, etag: undefined, newestAt: baseAt };
    }
  }

  function newest(said: readonly Said[], kinds: readonly Said['kind'][]): string {
    const times = said
      .filter(({ kind, acknowledged }) => acknowledged && kinds.includes(kind))
      .map(({ timestamp }) => timestamp);
    return times.sort().at(-1) ?? '';
  }

  it(`has every acknowledged write, whole, and lists what can be read, ${ROUNDS} times`, async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      expect(await writeAndKill()).toBeGreaterThan(10);
      await withStores(async (objects, listings) => {
        const rows = rowsIn<{ name: string; hash: string; bytes: number }>(
          await listings.listObjects(container, WHOLE),
        );
        const listed = new Map(rows.map(({ name, hash, bytes }) => [name, { hash, bytes }]));
        for (const [name, said] of history) {
          const [first] = said;
          if (first === undefined) continue;
          const found = await look(objects, first);
          const because = `round ${round}, ${name}: ${JSON.stringify(found)}`;
          expect(found.baseAt >= newest(said, ['put', 'remove']), `${because}: no acknowledged write is lost`).toBe(
            true,
          );
          // A removal that began before a POST, and ended after it, leaves neither.
          if (found.etag !== undefined)
            expect(found.newestAt >= newest(said, ['put', 'remove', 'post']), `${because}: nor metadata`).toBe(true);
          const origin = said.filter(({ timestamp, kind }) => timestamp === found.baseAt && kind !== 'post');
          if (found.etag !== undefined)
            expect(
              origin.map(({ etag }) => etag),
              `${because}: it is what somebody wrote`,
            ).toContain(found.etag);
          expect(listed.get(name)?.hash, `${because}: the listing agrees`).toBe(found.etag);
        }
        const bytesUsed = [...listed.values()].reduce((sum, { bytes }) => sum + bytes, 0);
        expect(await listings.containerInfo(container)).toMatchObject({ objectCount: listed.size, bytesUsed });
        await listings.reportCounts();
        expect(await listings.accountInfo(account)).toMatchObject({ objectCount: listed.size, bytesUsed });
        for (const device of ['d1', 'd2'])
          for (const kind of ['large/tmp', 'quarantine'])
            expect(await readdir(join(folder, device, kind)).catch(() => []), `${device}/${kind}`).toEqual([]);
      });
    }
  });
});
