import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Space } from '../../../object-server/engine/space.ts';
import { insufficientStorage, toDeviceError } from '../../../object-server/errors.ts';
import { at } from '../../support/listing-store.ts';
import {
  get,
  makeObjectNode,
  md5,
  newObject,
  OBJECT_CONFIG,
  type ObjectNode,
  put,
  refusalOf,
  TARGET,
} from '../../support/object-store.ts';

describe('the space of a device', () => {
  let node: ObjectNode;
  afterEach(async () => {
    vi.restoreAllMocks();
    await node.remove();
  });

  it('keeps a reserve: uploads are refused below it, tombstones are not', async () => {
    node = await makeObjectNode();
    await put(node.store, TARGET, 1, Buffer.from('there'));
    const full = await node.restart('stopped', { config: { ...OBJECT_CONFIG, reserve_percent: 100 } });
    const refusal = { code: 'InsufficientStorage', status: 507 };
    expect(await refusalOf(full.create(TARGET, newObject(2)))).toMatchObject(refusal);
    expect(await get(full, TARGET)).toEqual(Buffer.from('there'));
    expect(await full.remove(TARGET, { timestamp: at(3) })).toEqual({ existed: true });
  });

  it('refuses an upload that says it is larger than what is free', async () => {
    node = await makeObjectNode();
    const huge = newObject(1, { sizeBytes: 2 ** 50 });
    expect(await refusalOf(node.store.create(TARGET, huge))).toMatchObject({ code: 'InsufficientStorage' });
  });

  it('that runs out in the middle of an upload refuses it, and nothing of it stays', async () => {
    node = await makeObjectNode();
    const claim = vi.spyOn(Space.prototype, 'claim');
    claim.mockReturnValueOnce(undefined).mockReturnValueOnce(undefined).mockRejectedValue(insufficientStorage('d1'));
    const upload = await node.store.create(TARGET, newObject(1));
    const writeMuch = async () => {
      for (let step = 0; step < 10; step += 1) await upload.write(Buffer.alloc(512 << 10));
      await upload.commit({ etag: md5(Buffer.alloc(0)), sizeBytes: 5 << 20 });
    };
    expect(await refusalOf(writeMuch())).toMatchObject({ code: 'InsufficientStorage' });
    await upload.abort();
    expect((await node.files()).filter((path) => path.startsWith('large/'))).toEqual([]);
  });

  it('is told from a device that is gone', async () => {
    node = await makeObjectNode();
    await rm(join(node.folder, 'd1'), { recursive: true });
    const fresh = await node.restart('killed');
    expect(await refusalOf(fresh.open(TARGET))).toMatchObject({ code: 'DeviceUnavailable', status: 507 });
    expect(await refusalOf(fresh.create(TARGET, newObject(1)))).toMatchObject({ code: 'DeviceUnavailable' });
    expect(await refusalOf(fresh.remove(TARGET, { timestamp: at(1) }))).toMatchObject({ code: 'DeviceUnavailable' });
  });

  it('is what ENOSPC and EDQUOT are about; other failures of the system make the device unavailable', async () => {
    node = await makeObjectNode();
    const failure = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });
    expect(toDeviceError('d1', failure('ENOSPC'))).toMatchObject({ code: 'InsufficientStorage' });
    expect(toDeviceError('d1', failure('EDQUOT'))).toMatchObject({ code: 'InsufficientStorage' });
    expect(toDeviceError('d1', failure('EIO'))).toMatchObject({ code: 'DeviceUnavailable' });
    expect(toDeviceError('d1', failure('EROFS'))).toMatchObject({ code: 'DeviceUnavailable' });
    expect(toDeviceError('d1', new TypeError('a bug'))).toBeInstanceOf(TypeError);
  });
});
