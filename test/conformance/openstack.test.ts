import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { openstack, openstackQuietly, openstackRefused, type Row } from '../support/openstack.ts';

/** Judge 1: OpenStack's own command line, its fields read back. */
describe('the openstack command', () => {
  let martlet: Martlet;
  let folder: string;

  beforeAll(async () => {
    martlet = await Martlet.start();
    folder = await mkdtemp(join(tmpdir(), 'martlet-openstack-'));
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  it('issues a token for the demo project', async () => {
    const token = await openstack(martlet, ['token', 'issue']);
    const project = await openstack(martlet, ['project', 'show', 'demo'], 'admin');
    expect(token['project_id']).toBe(project['id']);
    expect(String(token['id'])).toMatch(/^gAAAA/);
    expect(Date.parse(String(token['expires']))).toBeGreaterThan(Date.now());
  });

  it('lists a catalog with the six service types on their ports', async () => {
    const catalog = await openstack<{ Type: string; Endpoints: { interface: string; url: string }[] }[]>(martlet, [
      'catalog',
      'list',
    ]);
    const publicUrls = Object.fromEntries(
      catalog.map(({ Type, Endpoints }) => [
        Type,
        new URL(Endpoints.find((each) => each.interface === 'public')?.url ?? '').port,
      ]),
    );
    const at = (port: number) => String(port + martlet.portOffset);
    expect(publicUrls).toEqual({
      identity: at(5000),
      'object-store': at(8080),
      image: at(9292),
      volumev3: at(8776),
      'block-storage': at(8776),
      compute: at(8774),
    });
  });

  it('manages projects, users and roles as the admin, and refuses the demo user', async () => {
    const project = await openstack(martlet, ['project', 'create', 'birds', '--description', 'of passage'], 'admin');
    const user = await openstack(
      martlet,
      ['user', 'create', 'swift', '--project', 'birds', '--password', 'p4ssw0rd', '--or-show'],
      'admin',
    );
    await openstackQuietly(
      martlet,
      ['role', 'add', '--user', String(user['id']), '--project', 'birds', 'member'],
      'admin',
    );
    const assignments = await openstack<Row[]>(
      martlet,
      ['role', 'assignment', 'list', '--project', 'birds', '--names'],
      'admin',
    );
    expect(assignments).toHaveLength(1);
    expect(assignments[0]).toMatchObject({ Role: 'member', Project: 'birds@Default' });
    const shown = await openstack(martlet, ['project', 'show', 'birds'], 'admin');
    expect(shown).toMatchObject({
      id: project['id'],
      name: 'birds',
      description: 'of passage',
      enabled: true,
      domain_id: 'default',
    });
    expect(await openstackRefused(martlet, ['user', 'list'])).toMatch(/HTTP 403/);
  });

  it('creates a container and an object, saves it, sets and unsets its properties, and deletes both', async () => {
    const file = join(folder, 'photo.jpg');
    const bytes = randomBytes(300_000);
    await writeFile(file, bytes);
    const containers = await openstack<Row[]>(martlet, ['container', 'create', 'album']);
    expect(containers[0]).toMatchObject({ container: 'album' });
    const created = await openstack<Row[]>(martlet, ['object', 'create', 'album', file, '--name', 'photo.jpg']);
    const md5 = createHash('md5').update(bytes).digest('hex');
    expect(created[0]).toMatchObject({ object: 'photo.jpg', container: 'album', etag: md5 });
    expect(await openstack<Row[]>(martlet, ['object', 'list', 'album', '--long'])).toMatchObject([
      { Name: 'photo.jpg', Bytes: 300_000, Hash: md5, 'Content Type': 'image/jpeg' },
    ]);
    await openstackQuietly(martlet, ['object', 'set', '--property', 'colour=green', 'album', 'photo.jpg']);
    expect(await openstack(martlet, ['object', 'show', 'album', 'photo.jpg'])).toMatchObject({
      'content-length': '300000',
      'content-type': 'image/jpeg',
      etag: md5,
      properties: { Colour: 'green' },
    });
    await openstackQuietly(martlet, ['object', 'unset', '--property', 'Colour', 'album', 'photo.jpg']);
    expect((await openstack(martlet, ['object', 'show', 'album', 'photo.jpg']))['properties']).toBeUndefined();
    await openstackQuietly(martlet, ['container', 'set', '--property', 'season=summer', 'album']);
    expect(await openstack(martlet, ['container', 'show', 'album'])).toMatchObject({
      object_count: '1',
      bytes_used: '300000',
      properties: { Season: 'summer' },
    });
    const saved = join(folder, 'saved.jpg');
    await openstackQuietly(martlet, ['object', 'save', 'album', 'photo.jpg', '--file', saved]);
    expect((await readFile(saved)).equals(bytes)).toBe(true);
    expect(await openstackRefused(martlet, ['container', 'delete', 'album'])).toMatch(/409/);
    await openstackQuietly(martlet, ['object', 'delete', 'album', 'photo.jpg']);
    await openstackQuietly(martlet, ['container', 'delete', 'album']);
    expect(await openstack<Row[]>(martlet, ['container', 'list'])).toEqual([]);
  });

  it('creates an image, sets and unsets its properties, saves it and deletes it', async () => {
    const file = join(folder, 'disk.raw');
    const bytes = randomBytes(1 << 20);
    await writeFile(file, bytes);
    const image = await openstack(martlet, [
      'image',
      'create',
      'disk',
      '--file',
      file,
      '--disk-format',
      'raw',
      '--min-disk',
      '1',
    ]);
    expect(image).toMatchObject({ name: 'disk', disk_format: 'raw', container_format: 'bare' });
    const id = String(image['id']);
    expect(await openstack(martlet, ['image', 'show', id])).toMatchObject({
      status: 'active',
      size: 1 << 20,
      checksum: createHash('md5').update(bytes).digest('hex'),
      min_disk: 1,
      visibility: 'shared',
    });
    await openstackQuietly(martlet, [
      'image',
      'set',
      id,
      '--property',
      'os_distro=debian',
      '--tag',
      'tiny',
      '--name',
      'renamed',
    ]);
    const shown = await openstack<{ properties: Row; tags: string[]; name: string }>(martlet, ['image', 'show', id]);
    expect(shown).toMatchObject({ name: 'renamed', tags: ['tiny'] });
    expect(shown.properties['os_distro']).toBe('debian');
    await openstackQuietly(martlet, ['image', 'unset', id, '--property', 'os_distro', '--tag', 'tiny']);
    const unset = await openstack<{ properties: Row; tags: string[] }>(martlet, ['image', 'show', id]);
    expect(unset.tags).toEqual([]);
    expect(unset.properties['os_distro']).toBeUndefined();
    expect(await openstack<Row[]>(martlet, ['image', 'list'])).toMatchObject([
      { ID: id, Name: 'renamed', Status: 'active' },
    ]);
    const saved = join(folder, 'saved.raw');
    await openstackQuietly(martlet, ['image', 'save', id, '--file', saved]);
    expect((await readFile(saved)).equals(bytes)).toBe(true);
    expect(await openstackRefused(martlet, ['image', 'create', 'everyones', '--public', '--file', file])).toMatch(
      /403/,
    );
    await openstackQuietly(martlet, ['image', 'delete', id]);
    expect(await openstack<Row[]>(martlet, ['image', 'list'])).toEqual([]);
  });

  it('creates, extends, describes and deletes a volume', async () => {
    const volume = await openstack(martlet, ['volume', 'create', '--size', '1', '--description', 'first', 'nest']);
    expect(volume).toMatchObject({ name: 'nest', size: 1, bootable: 'false', type: '__DEFAULT__' });
    const id = String(volume['id']);
    await untilStatus(martlet, ['volume', 'show', id], 'available');
    await openstackQuietly(martlet, ['volume', 'set', '--property', 'use=test', '--size', '2', id]);
    await untilStatus(martlet, ['volume', 'show', id], 'available');
    expect(await openstack(martlet, ['volume', 'show', id])).toMatchObject({
      size: 2,
      properties: { use: 'test' },
      description: 'first',
      attachments: [],
    });
    await openstackQuietly(martlet, ['volume', 'unset', '--property', 'use', id]);
    expect((await openstack(martlet, ['volume', 'show', id]))['properties']).toEqual({});
    expect(await openstack<Row[]>(martlet, ['volume', 'list'])).toMatchObject([
      { ID: id, Name: 'nest', Status: 'available', Size: 2 },
    ]);
    await openstackQuietly(martlet, ['volume', 'delete', id]);
    await expect.poll(() => openstack<Row[]>(martlet, ['volume', 'list']), { timeout: 30_000 }).toEqual([]);
  });

  it('lists volume types, flavors, services and limits', async () => {
    expect(await openstack<Row[]>(martlet, ['volume', 'type', 'list'])).toMatchObject([
      { Name: '__DEFAULT__', 'Is Public': true },
    ]);
    expect((await openstack<Row[]>(martlet, ['flavor', 'list'])).length).toBeGreaterThan(0);
    expect(await openstack<Row[]>(martlet, ['server', 'list'])).toEqual([]);
    const services = await openstack<Row[]>(martlet, ['volume', 'service', 'list'], 'admin');
    expect(services.map((row) => row['State'])).not.toContain('down');
    const limits = await openstack<Row[]>(martlet, ['limits', 'show', '--absolute']);
    expect(limits.map(({ Name }) => Name)).toContain('maxTotalVolumes');
  });

  it('creates a volume from an image, with the same bytes and the bootable flag', async () => {
    const file = join(folder, 'seed.raw');
    await writeFile(file, randomBytes(2 << 20));
    const image = await openstack(martlet, ['image', 'create', 'seed', '--file', file, '--disk-format', 'raw']);
    const volume = await openstack(martlet, [
      'volume',
      'create',
      '--image',
      String(image['id']),
      '--size',
      '1',
      'from-image',
    ]);
    const id = String(volume['id']);
    await untilStatus(martlet, ['volume', 'show', id], 'available');
    const shown = await openstack<Row & { volume_image_metadata: Row }>(martlet, ['volume', 'show', id]);
    expect(shown['bootable']).toBe('true');
    expect(shown.volume_image_metadata['image_id']).toBe(image['id']);
    const backing = await readFile(join(martlet.data, 'volumes', `volume-${id}`));
    expect(backing.length).toBe(1 << 30);
    expect(backing.subarray(0, 2 << 20).equals(await readFile(file))).toBe(true);
    await openstackQuietly(martlet, ['volume', 'delete', id]);
    await openstackQuietly(martlet, ['image', 'delete', String(image['id'])]);
  });
});

async function untilStatus(martlet: Martlet, show: readonly string[], status: string): Promise<void> {
  await expect
    .poll(async () => (await openstack(martlet, show))['status'], { timeout: 60_000, interval: 200 })
    .toBe(status);
}
