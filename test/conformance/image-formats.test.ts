import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageInspection, type InspectionReport } from '../../common/image-format/inspection.ts';

const DISK_BYTES = 10 << 20;
/** QEMU rounds the size of a VHD up to whole cylinders. */
const VHD_BYTES = 10_514_432;

/** The inspection on images that qemu-img and xorriso make: the fast tests have images made by the letter of the specifications. */
describe('images made by qemu-img and xorriso', () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);
  const qemuImg = (...args: string[]) => execa('/usr/bin/qemu-img', args);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-formats-'));
    await writeFile(path('base'), Buffer.alloc(DISK_BYTES, 'some bytes'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function inspect(name: string): Promise<InspectionReport> {
    const inspection = new ImageInspection();
    for await (const chunk of createReadStream(path(name), { highWaterMark: 5000 })) inspection.write(chunk as Buffer);
    return inspection.finish();
  }

  it.each([
    ['qcow2', 'qcow2', [], DISK_BYTES],
    ['qcow2', 'qcow2', ['-o', 'compat=0.10'], DISK_BYTES],
    ['qcow2', 'qcow2', ['-c', '-o', 'compression_type=zstd,extended_l2=on'], DISK_BYTES],
    ['vmdk', 'vmdk', [], DISK_BYTES],
    ['vmdk', 'vmdk', ['-o', 'subformat=streamOptimized'], DISK_BYTES],
    ['vdi', 'vdi', [], DISK_BYTES],
    ['vpc', 'vhd', [], VHD_BYTES],
    ['vpc', 'vhd', ['-o', 'subformat=fixed'], VHD_BYTES],
    ['vhdx', 'vhdx', [], DISK_BYTES],
  ] as const)('a %s is told as %s, made with %j', async (format, detected, options, virtualSizeBytes) => {
    await qemuImg('convert', '-f', 'raw', '-O', format, ...options, path('base'), path('converted'));
    expect(await inspect('converted')).toMatchObject({ format: detected, virtualSizeBytes, hazard: undefined });
  });

  it('an ISO is told as iso, with its size', async () => {
    await execa('/usr/bin/xorriso', ['-as', 'mkisofs', '-quiet', '-o', path('disc.iso'), path('base')]);
    const report = await inspect('disc.iso');
    expect(report).toMatchObject({ format: 'iso', hazard: undefined });
    expect(report.virtualSizeBytes).toBeGreaterThan(DISK_BYTES);
    expect(report.virtualSizeBytes).toBeLessThanOrEqual(report.sizeBytes);
  });

  it.each([
    ['backing file', 'qcow2', ['-b', 'base', '-F', 'raw']],
    ['external data file', 'qcow2', ['-o', 'data_file=data']],
    ['QED', 'qed', []],
    ['other files', 'vmdk', ['-o', 'subformat=monolithicFlat']],
    ['other files', 'vmdk', ['-o', 'subformat=twoGbMaxExtentSparse']],
    ['other files|parent', 'vmdk', ['-b', 'parent.vmdk', '-F', 'vmdk']],
  ] as const)('what has a %s is a hazard: a %s made with %j', async (reason, format, options) => {
    await qemuImg('create', '-q', '-f', 'vmdk', path('parent.vmdk'), '10M');
    await rm(path('hazard'), { force: true });
    await execa('/usr/bin/qemu-img', ['create', '-q', '-f', format, ...options, 'hazard', '10M'], { cwd: folder });
    expect((await inspect('hazard')).hazard).toMatch(new RegExp(reason));
  });
});
