import fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DiskFile } from '../../../../object-server/disk/contract.ts';
import { nodeDisk } from '../../../../object-server/disk/node-disk.ts';

let folder: string;
let file: DiskFile;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-disk-'));
  file = await nodeDisk.open(join(folder, 'a'), { write: true, create: true });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await file.close();
  await rm(folder, { recursive: true });
});

const interrupted = Object.assign(new Error('EINTR'), { code: 'EINTR' });

async function content(): Promise<string> {
  return fs.promises.readFile(join(folder, 'a'), 'utf8');
}

describe("a file on the machine's disk", () => {
  it('goes on after the kernel has taken a part', async () => {
    const { writev } = fs;
    const short = vi.spyOn(fs, 'writev').mockImplementation(((
      fd: number,
      parts: readonly Uint8Array[],
      position: number,
      callback: (error: Error | null, bytes: number) => void,
    ) => {
      const whole = Buffer.concat(parts);
      writev(fd, [whole.subarray(0, Math.min(4, whole.length))], position, callback);
    }) as unknown as typeof fs.writev);
    const { write } = fs;
    vi.spyOn(fs, 'write').mockImplementation(((
      fd: number,
      part: Uint8Array,
      start: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ) => write(fd, part, start, Math.min(length, 2), position, callback)) as typeof fs.write);
    await file.write(
      ['abc', 'defgh', '', 'ijklmnop'].map((text) => Buffer.from(text)),
      1,
    );
    expect(await content()).toBe('\0abcdefghijklmnop');
    expect(short).toHaveBeenCalledTimes(2);
  });

  it('goes on after the kernel has given a part', async () => {
    await file.write([Buffer.from('abcdefgh')], 0);
    const { read, readSync } = fs;
    vi.spyOn(fs, 'read').mockImplementation(((
      fd: number,
      into: Uint8Array,
      start: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ) => read(fd, into, start, Math.min(length, 3), position, callback)) as typeof fs.read);
    vi.spyOn(fs, 'readSync').mockImplementation(((
      fd: number,
      into: Uint8Array,
      start: number,
      length: number,
      position: number,
    ) => readSync(fd, into, start, Math.min(length, 3), position)) as typeof fs.readSync);
    for (const read of [file.read.bind(file), file.readNow.bind(file)]) {
      const bytes = Buffer.alloc(10);
      expect(await read(bytes, 1)).toBe(7);
      expect(bytes.toString()).toBe('bcdefgh\0\0\0');
    }
  });

  it('tries again when a signal interrupts it', async () => {
    await file.write([Buffer.from('abc')], 0);
    const { read, fdatasync } = fs;
    vi.spyOn(fs, 'fdatasync').mockImplementationOnce(((_fd, callback) => callback(interrupted)) as typeof fdatasync);
    vi.spyOn(fs, 'read').mockImplementationOnce(((...args: unknown[]) =>
      (args.at(-1) as (error: Error) => void)(interrupted)) as unknown as typeof read);
    vi.spyOn(fs, 'readSync').mockImplementationOnce(() => {
      throw interrupted;
    });
    await file.sync();
    const bytes = Buffer.alloc(3);
    expect(await file.read(bytes, 0)).toBe(3);
    expect(file.readNow(bytes, 0)).toBe(3);
  });

  it('fails where nothing is written, and does not try for ever', async () => {
    vi.spyOn(fs, 'write').mockImplementation(((...args: unknown[]) =>
      (args.at(-1) as (error: null, bytes: number) => void)(null, 0)) as unknown as typeof fs.write);
    await expect(file.write([Buffer.from('abc')], 0)).rejects.toMatchObject({ code: 'EIO' });
  });

  it('is closed only when what runs on it has ended, and takes nothing after that', async () => {
    let end = () => {};
    const { fdatasync } = fs;
    vi.spyOn(fs, 'fdatasync').mockImplementationOnce(((fd, callback) => {
      end = () => fdatasync(fd, callback);
    }) as typeof fdatasync);
    const close = vi.spyOn(fs, 'close');
    const synced = file.sync();
    const closed = file.close();
    await expect(file.read(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'EBADF' });
    expect(() => file.readNow(Buffer.alloc(1), 0)).toThrow('EBADF');
    expect(close).not.toHaveBeenCalled();
    end();
    await Promise.all([synced, closed]);
    expect(close).toHaveBeenCalledOnce();
  });
});

describe("folders on the machine's disk", () => {
  it('are made with those above them, each synced into the one above it', async () => {
    const opened = vi.spyOn(fs, 'open');
    await nodeDisk.makeFolder(join(folder, 'b', 'c'));
    const synced = opened.mock.calls.map(([path]) => path);
    expect(synced).toEqual([folder, join(folder, 'b')]);
    await nodeDisk.makeFolder(join(folder, 'b', 'c'));
    expect(await nodeDisk.list(join(folder, 'b'))).toEqual(['c']);
  });

  it('are not made where a file is in the way', async () => {
    await expect(nodeDisk.makeFolder(join(folder, 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});
