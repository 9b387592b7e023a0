import { describe, expect, it } from 'vitest';
import { systemErrorCode } from '../../../common/errors.ts';
import { type DiskOperation, FakeDisk, type FakeDiskOptions } from '../../support/object-server/fake-disk.ts';
import { SECTOR_BYTES } from '../../support/object-server/fake-inode.ts';
import { SeededRandom } from '../../support/simulation/seeded-random.ts';
import { describeDisk } from '../disk.ts';

describeDisk('the fake disk', async () => {
  const disk = new FakeDisk({ random: new SeededRandom(1) });
  await disk.makeFolder('/d');
  return { disk, folder: '/d', remove: async () => undefined };
});

const CREATE = { write: true, create: true };
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

/** What a power cut leaves of the same story, over many seeds. */
async function outcomes(
  story: (disk: FakeDisk) => Promise<unknown>,
  look: (found: FakeDisk) => string,
  options: Partial<FakeDiskOptions> = {},
): Promise<string[]> {
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const disk = new FakeDisk({ random: new SeededRandom(seed), ...options });
    await disk.makeFolder('/d');
    await story(disk);
    seen.add(look(disk.crash()));
  }
  return [...seen].sort();
}

async function made(disk: FakeDisk, path: string, sectors: string, durable = false) {
  const file = await disk.open(path, { ...CREATE, durable });
  await disk.syncFolder('/d');
  await file.write([sectorsOf(sectors)], 0);
  return file;
}

const sectorsOf = (letters: string) => Buffer.concat([...letters].map((letter) => Buffer.alloc(SECTOR_BYTES, letter)));

/** The first letter of each sector; '-' for zeros; '' where there is no file. */
function lettersOf(disk: FakeDisk, path: string): string {
  if (!disk.files().includes(path)) return 'no file';
  const bytes = disk.bytesOf(path);
  let letters = '';
  for (let start = 0; start < bytes.length; start += SECTOR_BYTES)
    letters += bytes[start] === 0 ? '-' : String.fromCharCode(bytes[start] ?? 0);
  return letters;
}

describe('the power cut of the fake disk', () => {
  it('leaves any part of what was not synced, and later writes without earlier ones', async () => {
    const left = await outcomes(
      async (disk) => {
        const file = await made(disk, '/d/a', 'aa');
        await file.sync();
        await file.write([sectorsOf('b')], 0);
        await file.write([sectorsOf('c')], SECTOR_BYTES);
      },
      (found) => lettersOf(found, '/d/a'),
    );
    expect(left).toEqual(['aa', 'ac', 'ba', 'bc']);
  });

  it('leaves any state a sector had since it was synced', async () => {
    const left = await outcomes(
      async (disk) => {
        const file = await made(disk, '/d/a', 'a');
        await file.sync();
        await file.write([sectorsOf('b')], 0);
        await file.write([sectorsOf('c')], 0);
      },
      (found) => lettersOf(found, '/d/a'),
    );
    expect(left).toEqual(['a', 'b', 'c']);
  });

  it('leaves everything that was synced or written durably', async () => {
    const synced = async (disk: FakeDisk) => (await made(disk, '/d/a', 'abc')).sync();
    expect(await outcomes(synced, (found) => lettersOf(found, '/d/a'))).toEqual(['abc']);
    const durable = async (disk: FakeDisk) => {
      const file = await made(disk, '/d/a', 'xx');
      const again = await disk.open('/d/a', { write: true, durable: true });
      await file.truncate(SECTOR_BYTES);
      await again.write([sectorsOf('abc')], 0);
    };
    expect(await outcomes(durable, (found) => lettersOf(found, '/d/a'))).toEqual(['abc']);
  });

  it('leaves a new file with any of its sizes, and zeros where bytes were lost', async () => {
    const left = await outcomes(
      (disk) => made(disk, '/d/a', 'ab'),
      (found) => lettersOf(found, '/d/a'),
    );
    expect(left).toEqual(['', '--', '-b', 'a-', 'ab']);
  });

  it('tears a durable write that is under way at sectors', async () => {
    let writes = 0;
    const left = await outcomes(
      async (disk) => {
        const file = await made(disk, '/d/a', 'aa', true);
        void file.write([sectorsOf('bb')], 0);
      },
      (found) => lettersOf(found, '/d/a'),
      {
        turn: async ({ kind }) => {
          if (kind !== 'write') return;
          writes += 1;
          if (writes % 2 === 0) await new Promise(() => undefined);
        },
      },
    );
    expect(left).toEqual(['aa', 'ab', 'ba', 'bb']);
  });

  it('forgets names that were not synced, and keeps those that were', async () => {
    const named = (found: FakeDisk) => found.files().sort().join();
    expect(await outcomes((disk) => disk.open('/d/a', CREATE), named)).toEqual(['', '/d/a']);
    expect(await outcomes((disk) => made(disk, '/d/a', 'a'), named)).toEqual(['/d/a']);
  });

  it('leaves the old or the new name of a rename, and never neither', async () => {
    const rename = async (disk: FakeDisk) => {
      await (await made(disk, '/d/a', 'a')).sync();
      await (await made(disk, '/d/b', 'b')).sync();
      await disk.rename('/d/b', '/d/a');
    };
    const look = (found: FakeDisk) => `a=${lettersOf(found, '/d/a')} b=${lettersOf(found, '/d/b')}`;
    expect(await outcomes(rename, look)).toEqual(['a=a b=b', 'a=b b=no file']);
    const synced = async (disk: FakeDisk) => {
      await rename(disk);
      await disk.syncFolder('/d');
    };
    expect(await outcomes(synced, look)).toEqual(['a=b b=no file']);
  });

  it('does not bring back the name of a file that was renamed away durably', async () => {
    const left = await outcomes(
      async (disk) => {
        await disk.makeFolder('/d/tmp');
        await disk.open('/d/tmp/a', CREATE);
        await disk.rename('/d/tmp/a', '/d/a');
        await disk.syncFolder('/d');
      },
      (found) => found.files().sort().join(),
    );
    expect(left).toEqual(['/d/a']);
  });

  it('brings a removed file back, unless its folder was synced', async () => {
    const remove = async (disk: FakeDisk) => {
      await (await made(disk, '/d/a', 'a')).sync();
      await disk.remove('/d/a');
    };
    const look = (found: FakeDisk) => lettersOf(found, '/d/a');
    expect(await outcomes(remove, look)).toEqual(['a', 'no file']);
    const synced = async (disk: FakeDisk) => {
      await remove(disk);
      await disk.syncFolder('/d');
    };
    expect(await outcomes(synced, look)).toEqual(['no file']);
  });

  it('leaves nobody who used the disk before with an answer', async () => {
    const disk = new FakeDisk({ random: new SeededRandom(1) });
    await disk.makeFolder('/d');
    const file = await made(disk, '/d/a', 'a');
    disk.crash();
    const answers: unknown[] = [];
    void file.write([sectorsOf('b')], 0).then(() => answers.push('written'));
    void disk.list('/d').then(() => answers.push('listed'));
    await new Promise(setImmediate);
    expect(answers).toEqual([]);
    expect(() => file.readNow(Buffer.alloc(1), 0)).toThrow('EIO');
  });
});

describe('the faults of the fake disk', () => {
  const failing = (kind: DiskOperation['kind'], code: string) => {
    const faults = { on: false };
    const disk = (seed: number) =>
      new FakeDisk({
        random: new SeededRandom(seed),
        fault: (operation) => (faults.on && operation.kind === kind ? code : undefined),
      });
    return { faults, disk };
  };

  it('fail a write with any of its sectors written', async () => {
    const { faults, disk: diskOf } = failing('write', 'EIO');
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      faults.on = false;
      const disk = diskOf(seed);
      await disk.makeFolder('/d');
      const file = await made(disk, '/d/a', 'aa');
      faults.on = true;
      await expect(file.write([sectorsOf('bb')], 0)).rejects.toThrow('EIO');
      seen.add(lettersOf(disk, '/d/a'));
    }
    expect([...seen].sort()).toEqual(['aa', 'ab', 'ba', 'bb']);
  });

  it('fail a sync, after which a later one saves nothing of what was lost', async () => {
    const { faults, disk: diskOf } = failing('sync', 'EIO');
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      faults.on = false;
      const disk = diskOf(seed);
      await disk.makeFolder('/d');
      const file = await made(disk, '/d/a', 'a');
      await file.sync();
      await file.write([sectorsOf('b')], 0);
      faults.on = true;
      await expect(file.sync()).rejects.toThrow('EIO');
      faults.on = false;
      await file.sync();
      expect(lettersOf(disk, '/d/a')).toBe('b');
      seen.add(lettersOf(disk.crash(), '/d/a'));
    }
    expect([...seen].sort()).toEqual(['a', 'b']);
  });

  it('refuse what the disk has no room for, and tell how much there is', async () => {
    const disk = new FakeDisk({ random: new SeededRandom(3), capacityBytes: 16 << 10 });
    await disk.makeFolder('/d');
    const file = await disk.open('/d/a', CREATE);
    await file.write([Buffer.alloc(8 << 10)], 0);
    expect(await disk.space()).toEqual({ freeBytes: 8 << 10, totalBytes: 16 << 10 });
    const code = await file.write([Buffer.alloc(9 << 10)], 8 << 10).catch((error: unknown) => systemErrorCode(error));
    expect(code).toBe('ENOSPC');
    await file.write([Buffer.alloc(8 << 10)], 0);
    await disk.remove('/d/a');
    expect((await disk.space()).freeBytes).toBe(0);
    await file.close();
    expect((await disk.space()).freeBytes).toBe(16 << 10);
  });

  it('flip a bit that stays flipped', async () => {
    const disk = new FakeDisk({ random: new SeededRandom(3) });
    await disk.makeFolder('/d');
    await made(disk, '/d/a', 'ab', true);
    disk.flip('/d/a', SECTOR_BYTES, 0);
    expect(
      disk
        .bytesOf('/d/a')
        .subarray(SECTOR_BYTES, SECTOR_BYTES + 2)
        .toString(),
    ).toBe('cb');
    expect(
      disk
        .crash(0)
        .bytesOf('/d/a')
        .subarray(SECTOR_BYTES, SECTOR_BYTES + 2)
        .toString(),
    ).toBe('cb');
  });
});
