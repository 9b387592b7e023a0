import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { PiecePool } from '../../../../common/memory/piece-pool.ts';
import type { DiskFile } from '../../../../object-server/disk/contract.ts';
import { DirectFile } from '../../../../object-server/disk/direct-file.ts';
import { nodeDisk } from '../../../../object-server/disk/node-disk.ts';

class Way implements DiskFile {
  readonly calls: string[] = [];
  failure: string | undefined;

  read = async (into: Uint8Array, position: number) => this.note(`read ${into.length} at ${position}`, into.length);
  readNow = (into: Uint8Array, position: number) => this.note(`readNow ${into.length} at ${position}`, into.length);
  write = async (parts: readonly Uint8Array[], position: number) =>
    this.note(`write ${parts.map(({ length }) => length).join('+')} at ${position}`, undefined);
  sync = async () => this.note('sync', undefined);
  sizeBytes = async () => this.note('sizeBytes', 5);
  truncate = async (sizeBytes: number) => this.note(`truncate ${sizeBytes}`, undefined);
  close = async () => this.note('close', undefined);

  private note<T>(call: string, result: T): T {
    this.calls.push(call);
    if (this.failure) throw Object.assign(new Error(this.failure), { code: this.failure });
    return result;
  }
}

describe('a file that is read and written past the page cache', () => {
  let plain: Way;
  let direct: Way;
  let file: DirectFile;
  const memory = new Uint8Array(new SharedArrayBuffer(16384));

  beforeEach(() => {
    [plain, direct] = [new Way(), new Way()];
    file = new DirectFile(plain, direct);
  });

  it('whole blocks go the direct way, all else the plain one', async () => {
    await file.write([memory.subarray(0, 4096), memory.subarray(4096, 12288)], 8192);
    expect(await file.read(memory.subarray(4096), 0)).toBe(12288);
    expect(direct.calls).toEqual(['write 4096+8192 at 8192', 'read 12288 at 0']);
    await file.write([memory.subarray(0, 4096), memory.subarray(0, 1)], 0);
    await file.write([memory.subarray(0, 4096)], 512);
    await file.write([memory.subarray(1, 4097)], 0);
    await file.read(memory.subarray(0, 10), 0);
    file.readNow(memory.subarray(0, 4096), 0);
    expect(plain.calls.length).toBe(5);
    expect(direct.calls.length).toBe(2);
  });

  it('size, flush and cut are the file’s, closing is both ways’', async () => {
    await file.sync();
    expect(await file.sizeBytes()).toBe(5);
    await file.truncate(3);
    await file.close();
    expect(plain.calls).toEqual(['sync', 'sizeBytes', 'truncate 3', 'close']);
    expect(direct.calls).toEqual(['close']);
  });

  it('where the direct way is refused, the plain one is taken', async () => {
    direct.failure = 'EINVAL';
    await file.write([memory], 0);
    await file.read(memory, 0);
    expect(plain.calls).toEqual(['write 16384 at 0', 'read 16384 at 0']);
    direct.failure = undefined;
    await file.read(memory, 0);
    expect(direct.calls.length).toBe(3);
  });

  it('memory of another kind goes the plain way', async () => {
    await file.read(Buffer.alloc(8192), 0);
    expect(direct.calls).toEqual([]);
  });

  it('errors of the disk stay what they are', async () => {
    direct.failure = 'EIO';
    await expect(file.write([memory], 0)).rejects.toThrow('EIO');
    await expect(file.close()).rejects.toThrow('EIO');
    expect(plain.calls).toEqual(['close']);
  });

  it('on the machine’s disk both ways show the same file, wherever the memory lies', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-direct-'));
    const written = await nodeDisk.open(join(folder, 'f'), {
      write: true,
      create: true,
      exclusive: true,
      direct: true,
    });
    const piece = new PiecePool().take();
    piece.fill(1);
    const oddMemory = Buffer.alloc(65536 + 7, 2).subarray(7);
    await written.write([piece.subarray(0, 65536)], 0);
    await written.write([oddMemory, Buffer.alloc(4096, 3), Buffer.from('end')], 65536);
    await written.sync();
    await written.close();
    const file = await nodeDisk.open(join(folder, 'f'), { direct: true });
    piece.fill(0);
    expect(await file.read(piece.subarray(0, 131072), 0)).toBe(131072);
    expect([piece[0], piece[65535], piece[65536], piece[131071]]).toEqual([1, 1, 2, 2]);
    expect(await file.read(piece.subarray(0, 4096), 131072)).toBe(4096);
    expect(piece[0]).toBe(3);
    expect(await file.read(piece.subarray(0, 100), 135168)).toBe(3);
    await file.close();
    await expect(nodeDisk.open(join(folder, 'none'), { direct: true })).rejects.toThrow('ENOENT');
    await rm(folder, { recursive: true });
  });
});
