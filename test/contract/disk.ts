import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemErrorCode } from '../../common/errors.ts';
import type { Disk, DiskFile } from '../../object-server/disk/contract.ts';

export interface DiskUnderTest {
  disk: Disk;
  /** Where the test may do as it likes; it is there and empty. */
  folder: string;
  remove(): Promise<void>;
}

/** What every disk does for the object engine, as far as it can be seen without pulling the plug. */
export function describeDisk(name: string, make: () => Promise<DiskUnderTest>): void {
  describe(`${name} as a disk`, () => {
    let under: DiskUnderTest;
    let disk: Disk;
    const opened: DiskFile[] = [];
    const path = (...names: string[]) => join(under.folder, ...names);

    beforeEach(async () => {
      under = await make();
      disk = under.disk;
    });
    afterEach(async () => {
      for (const file of opened.splice(0)) await file.close();
      await under.remove();
    });

    async function open(name: string, options: Parameters<Disk['open']>[1] = { write: true, create: true }) {
      const file = await disk.open(path(name), options);
      opened.push(file);
      return file;
    }

    async function bytesOf(file: DiskFile): Promise<string> {
      const bytes = Buffer.alloc(await file.sizeBytes());
      expect(await file.read(bytes, 0)).toBe(bytes.length);
      return bytes.toString();
    }

    async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
      return work.then(
        () => 'no error',
        (error: unknown) => systemErrorCode(error),
      );
    }

    it('writes parts one after the other where it is told to, and reads them back', async () => {
      const file = await open('a');
      await file.write([Buffer.from('hello '), Buffer.from(''), Buffer.from('world')], 3);
      expect(await bytesOf(file)).toBe('\0\0\0hello world');
      await file.write([Buffer.from('HE')], 3);
      expect(await bytesOf(file)).toBe('\0\0\0HEllo world');
      const now = Buffer.alloc(5);
      expect(file.readNow(now, 9)).toBe(5);
      expect(now.toString()).toBe('world');
    });

    it('writes thousands of parts in one go', async () => {
      const parts = Array.from({ length: 3000 }, (_, index) => Buffer.from(`${index},`));
      const file = await open('many', { write: true, create: true, durable: true });
      await file.write(parts, 0);
      expect(await bytesOf(file)).toBe(Buffer.concat(parts).toString());
    });

    it('reads fewer bytes than asked for only at the end', async () => {
      const file = await open('a');
      await file.write([Buffer.alloc(100_000, 1)], 0);
      expect(await file.read(Buffer.alloc(60_000), 50_000)).toBe(50_000);
      expect(await file.read(Buffer.alloc(10), 100_000)).toBe(0);
      expect(file.readNow(Buffer.alloc(10), 99_999)).toBe(1);
      expect(file.readNow(Buffer.alloc(10), 200_000)).toBe(0);
    });

    it('opens the same file for several', async () => {
      const writer = await open('a', { write: true, create: true, durable: true });
      const reader = await open('a', {});
      await writer.write([Buffer.from('seen at once')], 0);
      expect(await bytesOf(reader)).toBe('seen at once');
      expect(await codeOf(reader.write([Buffer.from('x')], 0))).toBe('EBADF');
    });

    it('refuses to open what is not there, and to create what is', async () => {
      expect(await codeOf(disk.open(path('a'), {}))).toBe('ENOENT');
      expect(await codeOf(disk.open(path('a'), { write: true }))).toBe('ENOENT');
      expect(await codeOf(disk.open(path('no', 'folder'), { write: true, create: true }))).toBe('ENOENT');
      const exclusive = { write: true, exclusive: true };
      await open('a', exclusive);
      expect(await codeOf(disk.open(path('a'), exclusive))).toBe('EEXIST');
    });

    it('closes twice without complaint, and does nothing afterwards', async () => {
      const file = await open('a');
      await file.close();
      await file.close();
      expect(await codeOf(Promise.resolve().then(() => file.write([Buffer.from('x')], 0)))).toBe('EBADF');
      expect(await codeOf(Promise.resolve().then(() => file.read(Buffer.alloc(1), 0)))).toBe('EBADF');
      expect(await codeOf(Promise.resolve().then(() => file.sync()))).toBe('EBADF');
      expect(await disk.sizeOf(path('a'))).toBe(0);
    });

    it('does not cut what is opened again', async () => {
      await (await open('a')).write([Buffer.from('kept')], 0);
      expect(await bytesOf(await open('a'))).toBe('kept');
    });

    it('cuts and grows files', async () => {
      const file = await open('a');
      await file.write([Buffer.from('123456')], 0);
      await file.truncate(3);
      expect(await bytesOf(file)).toBe('123');
      await file.truncate(5);
      expect(await bytesOf(file)).toBe('123\0\0');
      await file.sync();
      expect(await disk.sizeOf(path('a'))).toBe(5);
    });

    it('renames over what is there, and readers of the old file go on', async () => {
      const old = await open('old');
      await old.write([Buffer.from('old')], 0);
      await (await open('new')).write([Buffer.from('new')], 0);
      await disk.rename(path('new'), path('old'));
      expect(await bytesOf(old)).toBe('old');
      expect(await bytesOf(await open('old', {}))).toBe('new');
      expect(await disk.list(under.folder)).toEqual(['old']);
      expect(await codeOf(disk.rename(path('new'), path('old')))).toBe('ENOENT');
    });

    it('removes a file that somebody reads, and its bytes stay for him', async () => {
      const file = await open('a');
      await file.write([Buffer.from('still here')], 0);
      await disk.remove(path('a'));
      expect(await bytesOf(file)).toBe('still here');
      expect(await disk.sizeOf(path('a'))).toBeUndefined();
      expect(await codeOf(disk.remove(path('a')))).toBe('ENOENT');
    });

    it('makes folders with those above, again without complaint, and lists what is in them', async () => {
      await disk.makeFolder(path('x', 'y'));
      await disk.makeFolder(path('x', 'y'));
      await open('x/y/1');
      await open('x/y/2');
      await disk.syncFolder(path('x', 'y'));
      expect((await disk.list(path('x', 'y'))).sort()).toEqual(['1', '2']);
      expect(await disk.list(path('x'))).toEqual(['y']);
      expect(await disk.list(path('nowhere'))).toEqual([]);
    });

    it('tells its space', async () => {
      const { freeBytes, totalBytes } = await disk.space(under.folder);
      expect(freeBytes).toBeGreaterThan(0);
      expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
    });
  });
}
