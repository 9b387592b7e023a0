import { createHash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uploadGuest } from '../support/guest/upload-guest.ts';
import { Martlet } from '../support/martlet.ts';
import { client, openstack, openstackQuietly, type Row } from '../support/openstack.ts';

const BOOT_MS = 180_000;

/** Judge 4: a volume written by one guest and read by another, through a restart of Martlet. */
describe('the story of a volume', () => {
  let martlet: Martlet;
  let folder: string;
  let imageId: string;
  let volumeId: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-story-'));
    martlet = await Martlet.start();
  });

  afterAll(async () => {
    for (const { ID } of await openstack<Row[]>(martlet, ['server', 'list'])) {
      await openstackQuietly(martlet, ['server', 'delete', '--wait', String(ID)]);
    }
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const console = async (server: string) =>
    (await client(martlet, 'openstack', ['--os-cloud', 'martlet', 'console', 'log', 'show', server])).stdout;

  async function boot(name: string): Promise<void> {
    await openstackQuietly(martlet, ['server', 'create', '--image', imageId, '--flavor', 'm1.nano', '--wait', name]);
    await expect.poll(() => console(name), { timeout: BOOT_MS, interval: 1000 }).toContain('MARTLET-READY');
  }

  it('uploads a kernel, an initramfs and a disk that names them', async () => {
    imageId = await uploadGuest(martlet);
    expect(await openstack(martlet, ['image', 'show', imageId])).toMatchObject({ status: 'active' });
  });

  it('boots a server that sees the volume as it is added, writes to it and lets it go', async () => {
    await boot('first');
    const volume = await openstack(martlet, ['volume', 'create', '--size', '1', 'travelling']);
    volumeId = String(volume['id']);
    await untilVolume('available');
    await openstackQuietly(martlet, ['server', 'add', 'volume', 'first', volumeId]);
    await untilVolume('in-use');
    const serial = volumeId.slice(0, 20);
    await expect
      .poll(() => console('first'), { timeout: BOOT_MS, interval: 1000 })
      .toContain(`MARTLET-WROTE ${serial}`);
    const shown = await openstack<Row & { attachments: Row[] }>(martlet, ['volume', 'show', volumeId]);
    const server = await openstack(martlet, ['server', 'show', 'first']);
    expect(shown.attachments).toMatchObject([{ server_id: server['id'], volume_id: volumeId }]);
    await openstackQuietly(martlet, ['server', 'remove', 'volume', 'first', volumeId]);
    await untilVolume('available');
    await expect.poll(() => console('first'), { timeout: BOOT_MS, interval: 1000 }).toContain('MARTLET-UNPLUGGED');
  });

  it('gives a second server the same bytes, which are the bytes on disk', async () => {
    const written = /MARTLET-WROTE \S+ ([0-9a-f]{64})/.exec(await console('first'))?.[1];
    await openstackQuietly(martlet, ['server', 'delete', '--wait', 'first']);
    await boot('second');
    await openstackQuietly(martlet, ['server', 'add', 'volume', 'second', volumeId]);
    await expect.poll(() => console('second'), { timeout: BOOT_MS, interval: 1000 }).toContain('MARTLET-READ');
    const read = /MARTLET-READ \S+ ([0-9a-f]{64})/.exec(await console('second'))?.[1];
    expect(read).toMatch(/^[0-9a-f]{64}$/);
    expect(read).toBe(written);
    expect(await patternOnDisk(join(martlet.data, 'volumes', `volume-${volumeId}`))).toBe(written);
  });

  it('keeps guest, volume and image through a restart of martlet', async () => {
    const pid = martlet.pid;
    expect(await martlet.down()).toBe(0);
    await martlet.up();
    expect(martlet.pid).not.toBe(pid);
    expect(await openstack(martlet, ['server', 'show', 'second'])).toMatchObject({ status: 'ACTIVE' });
    expect(await openstack(martlet, ['volume', 'show', volumeId])).toMatchObject({ status: 'in-use' });
    expect(await openstack(martlet, ['image', 'show', imageId])).toMatchObject({ status: 'active' });
    await openstackQuietly(martlet, ['server', 'remove', 'volume', 'second', volumeId]);
    await untilVolume('available');
    await openstackQuietly(martlet, ['server', 'add', 'volume', 'second', volumeId]);
    await untilVolume('in-use');
    await expect
      .poll(async () => (await console('second')).match(/MARTLET-READ /g)?.length, { timeout: BOOT_MS, interval: 1000 })
      .toBeGreaterThanOrEqual(2);
    await openstackQuietly(martlet, ['server', 'delete', '--wait', 'second']);
    await untilVolume('available');
  });

  async function untilVolume(status: string): Promise<void> {
    await expect
      .poll(async () => (await openstack(martlet, ['volume', 'show', volumeId]))['status'], {
        timeout: BOOT_MS,
        interval: 500,
      })
      .toBe(status);
  }
});

/** SHA-256 of what the guest writes: the first mebibyte. */
async function patternOnDisk(path: string): Promise<string> {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(1 << 20), 0, 1 << 20, 0);
  await file.close();
  return createHash('sha256').update(buffer).digest('hex');
}
