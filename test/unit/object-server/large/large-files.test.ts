import { beforeEach, describe, expect, it } from 'vitest';
import { PIECE_BYTES, PiecePool } from '../../../../common/memory/piece-pool.ts';
import { BODY_BLOCK_BYTES } from '../../../../object-server/contract.ts';
import type { LargeFiles } from '../../../../object-server/large/contract.ts';
import { labelOf, openLargeFiles } from '../../../../object-server/large/large-files.ts';
import { MOST_REMEMBERED_NAMES } from '../../../../object-server/large/limits.ts';
import { type DiskOperation, FakeDisk } from '../../../support/object-server/fake-disk.ts';
import {
  bodyOfBytes,
  checksumsOf,
  readLarge,
  readLargeFile,
  storeLarge,
} from '../../../support/object-server/large-body.ts';
import { SeededRandom } from '../../../support/simulation/seeded-random.ts';

const BLOCK = BODY_BLOCK_BYTES;
const SEED = 7n;

describe('large files', () => {
  let disk: FakeDisk;
  let pool: PiecePool;
  let files: LargeFiles;
  /** Refuses what it is told to. */
  let fault: (operation: DiskOperation) => string | undefined;
  let operations: DiskOperation[];

  beforeEach(async () => {
    fault = () => undefined;
    operations = [];
    const note = (operation: DiskOperation) => {
      operations.push(operation);
      return fault(operation);
    };
    disk = new FakeDisk({ random: new SeededRandom(1), fault: note });
    await disk.makeFolder('/d');
    pool = new PiecePool(4 * PIECE_BYTES);
    files = openLargeFiles({ disk, folder: '/d', pool });
  });

  const onlyFile = () => disk.files()[0] ?? '';

  it.each([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 8 * BLOCK, PIECE_BYTES, PIECE_BYTES + 5, 3 * PIECE_BYTES - 1])(
    'a body of %i bytes comes back, however it was cut',
    async (sizeBytes) => {
      const body = bodyOfBytes(sizeBytes);
      for (const chunks of [[BLOCK], [PIECE_BYTES], [1000, 70_000, 3], [2 * BLOCK, 17], [sizeBytes || 1]]) {
        const name = await storeLarge(files, body, { chunks });
        expect((await readLargeFile(files, name, sizeBytes)).equals(body)).toBe(true);
      }
      expect(pool.freePieces).toBe(4);
    },
  );

  it('ranges come back', async () => {
    const body = bodyOfBytes(PIECE_BYTES + 1234);
    const reading = await files.open(await storeLarge(files, body), SEED, body.length);
    const marks = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, PIECE_BYTES / 2, PIECE_BYTES, body.length - 1, body.length];
    for (const start of marks)
      for (const end of marks.filter((mark) => mark >= start))
        expect((await readLarge(reading, start, end)).equals(body.subarray(start, end))).toBe(true);
    await reading.close();
  });

  it('a body whose table is longer than one read comes back', async () => {
    const blocks = 1025;
    const body = Buffer.alloc(blocks * BLOCK);
    const name = await storeLarge(files, body, { chunks: [64 * BLOCK] });
    const reading = await files.open(name, SEED, body.length);
    for (const block of [0, 1023, 1024, 1])
      expect((await readLarge(reading, block * BLOCK, block * BLOCK + 3)).length).toBe(3);
    expect((await readLarge(reading, 1023 * BLOCK, body.length)).length).toBe(2 * BLOCK);
    await reading.close();
    disk.flip(onlyFile(), body.length + 1024 * 8, 0);
    await expect(readLargeFile(files, name, body.length)).rejects.toThrow('block 1024 is damaged');
  });

  it('checksums that come along are taken, and make the same file', async () => {
    const body = bodyOfBytes(3 * BLOCK + 9);
    const upload = files.begin({ seed: SEED });
    await upload.write(body.subarray(0, 2 * BLOCK), checksumsOf(body.subarray(0, 2 * BLOCK), SEED));
    await upload.write(body.subarray(2 * BLOCK), checksumsOf(body.subarray(2 * BLOCK), SEED, 2));
    const { name, sizeBytes } = await upload.finish();
    expect(sizeBytes).toBe(body.length);
    const withThem = disk.bytesOf(onlyFile());
    await files.remove(name);
    await storeLarge(files, body);
    expect(disk.bytesOf(onlyFile()).equals(withThem)).toBe(true);
  });

  it('checksums that do not fit are noticed by who reads', async () => {
    const body = bodyOfBytes(2 * BLOCK);
    const upload = files.begin({ seed: SEED });
    await upload.write(body, checksumsOf(body, SEED + 1n));
    const { name } = await upload.finish();
    await expect(readLargeFile(files, name, body.length)).rejects.toThrow('block 0 is damaged');
  });

  it('nothing is under a name before it is durable there', async () => {
    const upload = files.begin({ seed: SEED });
    await upload.write(bodyOfBytes(BLOCK));
    expect(onlyFile()).toMatch(/^\/d\/large\/tmp\/[0-9a-f]{16}$/);
    expect(await files.list('', 10)).toEqual([]);
    const { name } = await upload.finish();
    expect(onlyFile()).toBe(`/d/large/${name.slice(0, 2)}/${name}`);
    const steps = operations.map(({ kind }) => kind);
    expect(steps.slice(-4)).toEqual(['write', 'sync', 'rename', 'syncFolder']);
  });

  it('what a range does not touch is not read', async () => {
    const body = bodyOfBytes(6 * BLOCK);
    const name = await storeLarge(files, body);
    disk.flip(onlyFile(), 2 * BLOCK + 5, 3);
    const reading = await files.open(name, SEED, body.length);
    expect((await readLarge(reading, 0, 2 * BLOCK)).equals(body.subarray(0, 2 * BLOCK))).toBe(true);
    expect((await readLarge(reading, 3 * BLOCK, 6 * BLOCK)).equals(body.subarray(3 * BLOCK))).toBe(true);
    await expect(readLarge(reading, 2 * BLOCK + 6, 2 * BLOCK + 7)).rejects.toThrow('block 2 is damaged');
    await reading.close();
    expect(pool.freePieces).toBe(4);
  });

  it('what comes before the damage is yielded, nothing of it', async () => {
    const body = bodyOfBytes(3 * PIECE_BYTES);
    const name = await storeLarge(files, body);
    disk.flip(onlyFile(), 2 * PIECE_BYTES + 5, 3);
    const reading = await files.open(name, SEED, body.length);
    let bytes = 0;
    const all = (async () => {
      for await (const chunk of reading.read(0, body.length)) bytes += chunk.length;
    })();
    await expect(all).rejects.toThrow('block 32 is damaged');
    expect(bytes).toBe(2 * PIECE_BYTES);
    await reading.close();
  });

  it('another body’s file, a shorter, a longer and a missing one are refused', async () => {
    const body = bodyOfBytes(2 * BLOCK + 1);
    const name = await storeLarge(files, body);
    await expect(files.open(name, SEED + 1n, body.length)).rejects.toThrow('another body');
    await expect(files.open(name, SEED, body.length - 1)).rejects.toThrow('wrong length');
    await expect(files.open(name, SEED, body.length + 1)).rejects.toThrow('wrong length');
    const file = await disk.open(onlyFile(), { write: true });
    const whole = disk.bytesOf(onlyFile()).length;
    await file.truncate(whole - 1);
    await expect(files.open(name, SEED, body.length)).rejects.toThrow('wrong length');
    await file.truncate(whole + 1);
    await expect(files.open(name, SEED, body.length)).rejects.toThrow('wrong length');
    await file.close();
    await files.remove(name);
    await expect(files.open(name, SEED, body.length)).rejects.toThrow('ENOENT');
  });

  it('an open file is read to its end, though it has been removed', async () => {
    const body = bodyOfBytes(PIECE_BYTES + 3);
    const name = await storeLarge(files, body);
    const reading = await files.open(name, SEED, body.length);
    await files.remove(name);
    expect((await readLarge(reading)).equals(body)).toBe(true);
    await reading.close();
  });

  it('what is read again is not waited for, unless it turns out to be on the disk', async () => {
    const body = bodyOfBytes(2 * PIECE_BYTES + 3);
    const name = await storeLarge(files, body);
    let nowMs = 0;
    let readMs = 0;
    const elapsedMs = () => {
      nowMs += readMs;
      return nowMs;
    };
    const timed = openLargeFiles({ disk, folder: '/d', pool, elapsedMs });
    const readsOf = async () => {
      operations.length = 0;
      expect((await readLargeFile(timed, name, body.length)).equals(body)).toBe(true);
      return operations.filter(({ kind }) => kind === 'read').length;
    };
    const [footer, pieces] = [1, 5];
    expect(await readsOf()).toBe(footer + pieces);
    expect(await readsOf()).toBe(footer);
    readMs = 2;
    expect(await readsOf()).toBe(footer + 4); // the first piece at once, the rest in larger ones
    const file = await disk.open(onlyFile(), { write: true });
    const reading = await timed.open(name, SEED, body.length);
    await file.truncate(BLOCK);
    await expect(readLarge(reading)).rejects.toThrow('too early');
    await reading.close();
    await file.close();
    expect(pool.freePieces).toBe(4);
  });

  it('which files were read lately is remembered of a bounded number', async () => {
    const body = bodyOfBytes(8 * BLOCK);
    const first = await storeLarge(files, body);
    await readLargeFile(files, first, body.length);
    for (let other = 0; other < MOST_REMEMBERED_NAMES; other += 1) {
      const missing = other.toString(16).padStart(16, '0');
      await expect(files.open(missing, SEED, 1)).rejects.toThrow('ENOENT');
    }
    operations.length = 0;
    await readLargeFile(files, first, body.length);
    expect(operations.filter(({ kind }) => kind === 'read').length).toBe(2);
  });

  it('a reader that stops in the middle gives its memory back', async () => {
    const body = bodyOfBytes(3 * PIECE_BYTES);
    const reading = await files.open(await storeLarge(files, body), SEED, body.length);
    for await (const chunk of reading.read(10, body.length)) {
      expect(chunk[0]).toBe(body[10]);
      break;
    }
    await reading.close();
    expect(pool.freePieces).toBe(4);
  });

  it('without memory in the pool it works in small pieces', async () => {
    const taken = [pool.take(), pool.take(), pool.take(), pool.take()];
    const body = bodyOfBytes(PIECE_BYTES + 3);
    const name = await storeLarge(files, body, { chunks: [1000] });
    expect((await readLargeFile(files, name, body.length)).equals(body)).toBe(true);
    for (const piece of taken) pool.give(piece);
    expect(pool.freePieces).toBe(4);
  });

  it('an upload that is discarded leaves nothing, at whatever time', async () => {
    await files.begin({ seed: SEED }).discard();
    const waiting = files.begin({ seed: SEED });
    const written = waiting.write(bodyOfBytes(2 * BLOCK + 1)).catch((error: Error) => error.message);
    await waiting.discard();
    await written;
    const gathering = files.begin({ seed: SEED });
    for (let chunk = 0; chunk < 300; chunk += 1) await gathering.write(bodyOfBytes(5000));
    await gathering.discard();
    await gathering.discard();
    await expect(gathering.write(bodyOfBytes(1))).rejects.toThrow('after its end');
    await expect(gathering.finish()).rejects.toThrow('after its end');
    expect(disk.files()).toEqual([]);
    expect(pool.freePieces).toBe(4);
  });

  it('discarding what is finished does nothing', async () => {
    const upload = files.begin({ seed: SEED });
    await upload.write(bodyOfBytes(10));
    const { name } = await upload.finish();
    await upload.discard();
    expect(await files.list('', 10)).toEqual([name]);
  });

  it.each(['open', 'write', 'sync', 'rename', 'makeFolder', 'syncFolder'] as const)(
    'where %s fails, so does the upload, and nothing is left',
    async (kind) => {
      fault = (operation) => (operation.kind === kind ? 'EIO' : undefined);
      for (const chunkBytes of [BLOCK, 1000]) {
        const upload = files.begin({ seed: SEED });
        const whole = async () => {
          for (let offset = 0; offset < 2 * PIECE_BYTES; offset += chunkBytes)
            await upload.write(bodyOfBytes(chunkBytes));
          await upload.finish();
        };
        await expect(whole()).rejects.toThrow('EIO');
        await upload.discard();
      }
      expect(disk.files()).toEqual([]);
      expect(pool.freePieces).toBe(4);
      fault = () => undefined;
      await storeLarge(files, bodyOfBytes(10)); // what could not be made once is tried again
    },
  );

  it('a flush that fails while the rest arrives fails the upload', async () => {
    let flushes = 0;
    fault = ({ kind }) => {
      if (kind === 'sync') flushes += 1;
      return kind === 'sync' && flushes === 1 ? 'EIO' : undefined;
    };
    const upload = files.begin({ seed: SEED });
    const body = bodyOfBytes(PIECE_BYTES);
    const whole = async () => {
      for (let piece = 0; piece < 65; piece += 1) await upload.write(body);
      await upload.finish();
    };
    await expect(whole()).rejects.toThrow('EIO');
    await upload.discard();
    expect(disk.files()).toEqual([]);
  });

  it('lists names in order, page by page, with their labels', async () => {
    const names: string[] = [];
    for (const start of ['ff', '00', 'ab', 'ab', '10'])
      names.push(
        await storeLarge(
          openLargeFiles({
            disk,
            folder: '/d',
            pool,
            newName: () => `${start}${String(names.length).padStart(14, '0')}`,
          }),
          bodyOfBytes(1),
          { label: 'c0ffee' },
        ),
      );
    const paged: string[] = [];
    for (let page = await files.list('', 2); page.length > 0; page = await files.list(page.at(-1) ?? '', 2))
      paged.push(...page);
    expect(paged).toEqual(names.toSorted());
    expect(labelOf(names[0] ?? '')).toBe('c0ffee');
    expect(await files.list('', 0)).toEqual([]);
  });

  it('names that are none, and labels, are refused', async () => {
    expect(() => files.begin({ seed: SEED, label: '../x' })).toThrow('no label');
    await expect(files.remove('../../etc')).rejects.toThrow('no name');
    expect(() => files.open('x', SEED, 1)).toThrow('no name');
  });

  it('what is removed is gone, also a second time', async () => {
    const name = await storeLarge(files, bodyOfBytes(5));
    await files.remove(name);
    await files.remove(name);
    expect(disk.files()).toEqual([]);
  });

  it('a removal that fails says so', async () => {
    const name = await storeLarge(files, bodyOfBytes(5));
    fault = ({ kind }) => (kind === 'remove' ? 'EACCES' : undefined);
    await expect(files.remove(name)).rejects.toThrow('EACCES');
  });

  it('temporaries of a former process are removed, files stay', async () => {
    const name = await storeLarge(files, bodyOfBytes(5));
    const upload = files.begin({ seed: SEED });
    await upload.write(bodyOfBytes(BLOCK));
    const later = openLargeFiles({ disk, folder: '/d', pool });
    expect(await later.removeTemporaries()).toBe(1);
    expect(await later.removeTemporaries()).toBe(0);
    expect(await later.list('', 9)).toEqual([name]);
  });

  it('after a power cut at any step a file is whole under its name, or not there; what was finished is there', async () => {
    const body = bodyOfBytes(2 * BLOCK + 100);
    for (let seed = 0; seed < 120; seed += 1) {
      const random = new SeededRandom(seed);
      let left = random.below(16);
      let cut: () => void = () => undefined;
      const power = new Promise<void>((resolve) => {
        cut = resolve;
      });
      const turn = async () => {
        left -= 1;
        if (left < 0) cut();
        if (left < 0) await new Promise(() => undefined);
      };
      const living = new FakeDisk({ random, turn });
      const before = openLargeFiles({ disk: living, folder: '/d', pool: new PiecePool(PIECE_BYTES) });
      let finished: string | undefined;
      const story = storeLarge(before, body, { chunks: [BLOCK, 1000] }).then((name) => {
        finished = name;
      });
      await Promise.race([power, story]);
      const found = living.crash(undefined, { random });
      const after = openLargeFiles({ disk: found, folder: '/d', pool });
      const names = await after.list('', 10);
      if (finished !== undefined) expect(names).toEqual([finished]);
      for (const name of names) expect((await readLargeFile(after, name, body.length)).equals(body)).toBe(true);
      await after.removeTemporaries();
      expect(found.files().length).toBe(names.length);
    }
  });
});
