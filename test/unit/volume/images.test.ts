import { readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunCommand } from '../../../volume/drivers/run-command.ts';
import { MOST_RUNNING_JOBS } from '../../../volume/limits.ts';
import { FakeCloud, headOf, startFakeImages } from '../../support/volume/fake-cloud.ts';

const RAW = 'aaaaaaaa-0000-4000-8000-000000000001';
const QCOW2 = 'aaaaaaaa-0000-4000-8000-000000000002';
const WITH_BACKING_FILE = 'aaaaaaaa-0000-4000-8000-000000000003';
const LARGE = 'aaaaaaaa-0000-4000-8000-000000000004';
const QUEUED = 'aaaaaaaa-0000-4000-8000-000000000005';
const ALTERED = 'aaaaaaaa-0000-4000-8000-000000000006';
const FALSE_QCOW2 = 'aaaaaaaa-0000-4000-8000-000000000007';
const HUGE_INSIDE = 'aaaaaaaa-0000-4000-8000-000000000008';

/** What volumes are cut to before they are read whole: a real one has a GiB. */
const SHORT_BYTES = 8 << 20;

const rawData = Buffer.concat([Buffer.alloc(1 << 20, 'first'), Buffer.alloc(4 << 20), Buffer.alloc(100, 'last')]);

function qcow2Header(options: { backingFileOffset?: bigint; virtualSizeBytes?: bigint } = {}): Buffer {
  const header = Buffer.alloc(64 << 10);
  header.write('QFI\xfb', 0, 'latin1');
  header.writeUInt32BE(2, 4);
  header.writeBigUInt64BE(options.backingFileOffset ?? 0n, 8);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(options.virtualSizeBytes ?? BigInt(1 << 20), 24);
  return header;
}

/** qemu-img as far as these tests need it: notes its arguments, writes a raw file. */
function fakeQemuImg(calls: string[][]): RunCommand {
  return async (program, commandArguments) => {
    calls.push([program, ...commandArguments]);
    await writeFile(commandArguments.at(-1) ?? '', Buffer.alloc(1 << 20, 'converted'));
    return { exitCode: 0, stdout: '', stderr: '', missing: false };
  };
}

let images: Awaited<ReturnType<typeof startFakeImages>>;
let cloud: FakeCloud;
let calls: string[][];
beforeEach(async () => {
  calls = [];
  images = await startFakeImages([
    { id: RAW, data: rawData, disk_format: 'raw', os_distro: 'test', min_disk: 1 },
    { id: QCOW2, data: qcow2Header(), disk_format: 'qcow2' },
    { id: WITH_BACKING_FILE, data: qcow2Header({ backingFileOffset: 512n }), disk_format: 'qcow2' },
    { id: LARGE, data: Buffer.alloc(16), disk_format: 'raw', min_disk: 5 },
    { id: QUEUED, data: Buffer.alloc(16), disk_format: 'raw', status: 'queued' },
    { id: ALTERED, data: Buffer.alloc(16), disk_format: 'raw', os_hash_value: 'f'.repeat(128) },
    { id: FALSE_QCOW2, data: Buffer.alloc(64 << 10, 'x'), disk_format: 'qcow2' },
    { id: HUGE_INSIDE, data: qcow2Header({ virtualSizeBytes: 2n ** 40n }), disk_format: 'qcow2' },
  ]);
  cloud = await FakeCloud.start({ imageUrl: images.url, runCommand: fakeQemuImg(calls) });
});
afterEach(async () => {
  await cloud.close();
  await images.close();
});

const fileOf = (volumeId: string): string => join(cloud.folder, 'volumes', `volume-${volumeId}`);

async function messageFor(volumeId: string): Promise<string> {
  const { body } = await cloud.call('GET', '/messages', { minor: 3 });
  return body.messages.find(({ resource_uuid: id }: { resource_uuid: string }) => id === volumeId)?.user_message;
}

describe('a volume from an image', () => {
  it('of format raw has its bytes, is bootable and remembers the image', async () => {
    const id = await cloud.volume({ imageRef: RAW });
    const { volume } = (await cloud.call('GET', `/volumes/${id}`)).body;
    expect(volume).toMatchObject({ status: 'available', bootable: 'true' });
    expect(volume.volume_image_metadata).toMatchObject({
      image_id: RAW,
      image_name: 'image',
      os_distro: 'test',
      disk_format: 'raw',
      size: String(rawData.length),
      min_disk: '1',
    });
    expect((await headOf(fileOf(id), rawData.length)).equals(rawData)).toBe(true);
    expect(calls).toEqual([]);
  });

  it('stays sparse where the image is zeros', async () => {
    const { blocks } = await stat(fileOf(await cloud.volume({ imageRef: RAW })));
    expect(blocks * 512).toBeLessThan(2 << 20);
  });

  it('of format qcow2 goes through qemu-img with the format told, and the spool is empty again', async () => {
    const id = await cloud.volume({ imageRef: QCOW2 });
    expect(await cloud.statusOf(id)).toBe('available');
    expect(calls).toEqual([
      ['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', expect.stringContaining(id), expect.stringContaining(id)],
    ]);
    expect((await headOf(fileOf(id), 9)).toString()).toBe('converted');
    expect(await readdir(join(cloud.folder, 'volume-spool'))).toEqual([]);
  });

  it.each([
    [WITH_BACKING_FILE, 'backing file'],
    [FALSE_QCOW2, 'declared to be qcow2 but is raw'],
    [HUGE_INSIDE, 'larger than the volume'],
    [ALTERED, 'not what its size and hash say'],
  ])('%s is refused before any program opens it, and the owner reads why: %s', async (imageId, reason) => {
    const id = await cloud.volume({ imageRef: imageId });
    expect(await cloud.statusOf(id)).toBe('error');
    expect(await messageFor(id)).toContain(reason);
    expect(calls).toEqual([]);
    await expect(stat(fileOf(id))).rejects.toThrow('ENOENT');
  });

  it('without qemu-img ends in error and says what to install', async () => {
    await cloud.close();
    const missing: RunCommand = async () => ({ exitCode: undefined, stdout: '', stderr: '', missing: true });
    cloud = await FakeCloud.start({ imageUrl: images.url, runCommand: missing });
    const id = await cloud.volume({ imageRef: QCOW2 });
    expect(await cloud.statusOf(id)).toBe('error');
    expect(await messageFor(id)).toContain('apt-get install qemu-utils');
  });

  it.each([
    ['an image that needs a larger disk', LARGE],
    ['an image without data', QUEUED],
    ['an image that is not there', 'aaaaaaaa-0000-4000-8000-00000000ffff'],
  ])('%s is 400 and makes no volume', async (_what, imageRef) => {
    const { status } = await cloud.call('POST', '/volumes', { body: { volume: { size: 1, imageRef } } });
    expect(status).toBe(400);
    expect((await cloud.call('GET', '/volumes')).body.volumes).toEqual([]);
  });

  it('without a size is 400', async () => {
    expect((await cloud.call('POST', '/volumes', { body: { volume: { imageRef: RAW } } })).status).toBe(400);
  });
});

describe('a volume from a volume', () => {
  it('has its bytes, its image metadata and its being bootable', async () => {
    const source = await cloud.volume({ imageRef: RAW });
    await truncate(fileOf(source), SHORT_BYTES);
    const copy = await cloud.volume({ size: undefined, source_volid: source });
    const { volume } = (await cloud.call('GET', `/volumes/${copy}`)).body;
    expect(volume).toMatchObject({ status: 'available', size: 1, bootable: 'true', source_volid: source });
    expect(volume.volume_image_metadata.image_id).toBe(RAW);
    expect((await headOf(fileOf(copy), rawData.length)).equals(rawData)).toBe(true);
  });

  it('may be larger than its source, not smaller', async () => {
    const source = await cloud.volume({ size: 2 });
    await truncate(fileOf(source), SHORT_BYTES);
    const ask = (size: number) => cloud.call('POST', '/volumes', { body: { volume: { size, source_volid: source } } });
    expect((await ask(1)).status).toBe(400);
    expect((await ask(3)).status).toBe(202);
  });

  it('its source can neither go nor be attached while it is read', async () => {
    const source = await cloud.volume();
    await truncate(fileOf(source), SHORT_BYTES);
    const release = await occupyAllJobs();
    const { body } = await cloud.call('POST', '/volumes', { body: { volume: { size: 1, source_volid: source } } });
    expect((await cloud.call('DELETE', `/volumes/${source}`)).status).toBe(400);
    expect((await cloud.call('POST', `/volumes/${source}/action`, { body: { 'os-reserve': {} } })).status).toBe(400);
    release();
    await cloud.service.operationsEnded();
    expect(await cloud.statusOf(body.volume.id)).toBe('available');
    expect((await cloud.call('DELETE', `/volumes/${source}`)).status).toBe(202);
  });

  /** Downloads that wait for the image service. */
  async function occupyAllJobs(): Promise<() => void> {
    let release = (): void => undefined;
    images.gate.opened = new Promise((resolve) => {
      release = resolve;
    });
    for (let job = 0; job < MOST_RUNNING_JOBS; job += 1)
      await cloud.call('POST', '/volumes', { body: { volume: { size: 1, imageRef: RAW } } });
    return release;
  }
});

describe('an image from a volume', () => {
  it('is uploaded raw, and the volume is available again', async () => {
    const id = await cloud.volume({ imageRef: RAW });
    await truncate(fileOf(id), SHORT_BYTES);
    const body = { 'os-volume_upload_image': { image_name: 'snap', disk_format: 'raw', container_format: 'bare' } };
    const answer = await cloud.call('POST', `/volumes/${id}/action`, { body });
    expect(answer.status).toBe(202);
    const { image_id: imageId, status } = answer.body['os-volume_upload_image'];
    expect(status).toBe('uploading');
    await cloud.service.operationsEnded();
    expect(await cloud.statusOf(id)).toBe('available');
    const uploaded = images.uploads.get(imageId);
    expect(uploaded?.length).toBe(SHORT_BYTES);
    expect(uploaded?.subarray(0, rawData.length).equals(rawData)).toBe(true);
  });

  it('of another format than raw is 400', async () => {
    const id = await cloud.volume();
    const body = { 'os-volume_upload_image': { image_name: 'snap', disk_format: 'qcow2' } };
    expect((await cloud.call('POST', `/volumes/${id}/action`, { body })).status).toBe(400);
  });
});
