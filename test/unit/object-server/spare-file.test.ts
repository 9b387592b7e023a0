import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../../../object-server/disk/contract.ts';
import { nodeDisk } from '../../../object-server/disk/node-disk.ts';
import { holdSpareSpace, releaseSpareIfShort } from '../../../object-server/engine/spare-file.ts';
import { SPARE_BYTES } from '../../../object-server/limits.ts';
import { get, makeObjectNode, type ObjectNode, put, refusalOf, TARGET } from '../../support/object-store.ts';

describe('the spare space of a device', () => {
  let node: ObjectNode;
  let freeBytes: number;
  const disk: Disk = {
    ...nodeDisk,
    space: async (path) => ({ ...(await nodeDisk.space(path)), freeBytes }),
  };
  const device = () => join(node.folder, 'd1');
  const spareBytes = () =>
    stat(join(device(), 'spare')).then(
      ({ size }) => size,
      () => 0,
    );

  beforeEach(async () => {
    freeBytes = 2 ** 40;
    node = await makeObjectNode({ disk });
  });
  afterEach(() => node.remove());

  it('is given up where too little is free, and not before', async () => {
    await holdSpareSpace(disk, device());
    expect(await spareBytes()).toBe(SPARE_BYTES);
    freeBytes = SPARE_BYTES;
    expect(await releaseSpareIfShort(disk, device())).toBe(freeBytes);
    expect(await spareBytes()).toBe(SPARE_BYTES);
    freeBytes = SPARE_BYTES - 1;
    await releaseSpareIfShort(disk, device());
    expect(await spareBytes()).toBe(0);
    await holdSpareSpace(disk, device());
    expect(await spareBytes()).toBe(SPARE_BYTES);
  });

  it('is given up again where the disk is full before all of it is there', async () => {
    let pieces = 0;
    const full: Disk = {
      ...nodeDisk,
      open: async (path, options) => {
        const file = await nodeDisk.open(path, options);
        const write = async (parts: readonly Uint8Array[], position: number) => {
          pieces += 1;
          if (pieces === 3) throw Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC', syscall: 'write' });
          await file.write(parts, position);
        };
        return { ...file, write, sync: () => file.sync(), close: () => file.close() };
      },
    };
    await holdSpareSpace(full, device());
    expect(pieces).toBe(3);
    expect(await spareBytes()).toBe(0);
  });

  it('lets a device be opened that has nothing else left', async () => {
    await put(node.store, TARGET, 1, Buffer.from('body'));
    await holdSpareSpace(disk, device());
    freeBytes = 0;
    const store = await node.restart('killed');
    expect(await spareBytes()).toBe(0);
    expect(await get(store, TARGET)).toEqual(Buffer.from('body'));
  });

  it('is what a checkpoint needs, which is refused without it and harms nothing', async () => {
    const note = () => readFile(join(device(), 'checkpoint'));
    await put(node.store, TARGET, 1, Buffer.from('body'));
    const before = await note();
    freeBytes = 1000;
    expect(await refusalOf(node.store.checkpoint())).toMatchObject({ code: 'InsufficientStorage' });
    expect((await note()).equals(before)).toBe(true);
    freeBytes = 2 ** 40;
    await node.store.checkpoint();
    expect((await note()).equals(before)).toBe(false);
    await rm(join(device(), 'spare'), { force: true });
    expect(await get(node.store, TARGET)).toEqual(Buffer.from('body'));
  });
});
