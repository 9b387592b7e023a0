import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LevelStore } from '../../../common/kv/level-store.ts';
import { commitChanges, Table } from '../../../common/kv/table.ts';
import type { VolumeRecord } from '../../../volume/store/records.ts';
import { ANNA, FakeCloud, headOf, SERVICE, startFakeImages } from '../../support/volume/fake-cloud.ts';

const IMAGE = 'aaaaaaaa-0000-4000-8000-000000000001';
const IMAGE_DATA = Buffer.alloc(3 << 20, 'martlet');

let images: Awaited<ReturnType<typeof startFakeImages>>;
let cloud: FakeCloud;
beforeEach(async () => {
  images = await startFakeImages([{ id: IMAGE, data: IMAGE_DATA, disk_format: 'raw' }]);
  cloud = await FakeCloud.start({ imageUrl: images.url });
});
afterEach(async () => {
  await cloud.close();
  await images.close();
});

/** Writes into a volume's record what a kill would have left there, while no service runs. */
function leave(volumeId: string, change: (record: VolumeRecord) => VolumeRecord) {
  return async (store: LevelStore): Promise<void> => {
    const table = new Table<VolumeRecord>(store, { name: 'volumes' });
    const current = await table.get(volumeId);
    if (current) await commitChanges(store, table.replace(current, change(current.record)));
  };
}

const fileOf = (volumeId: string): string => join(cloud.folder, 'volumes', `volume-${volumeId}`);

it('a creation that was cut off before anything happened is finished', async () => {
  const id = await cloud.volume();
  await cloud.restart(
    leave(id, (record) => ({
      ...record,
      status: 'creating',
      backend: null,
      operation: { kind: 'create', source: { kind: 'blank' } },
    })),
  );
  await cloud.service.operationsEnded();
  expect(await cloud.statusOf(id)).toBe('available');
});

it('a download that was cut off begins anew, on zeros', async () => {
  const id = await cloud.volume();
  await writeFile(fileOf(id), Buffer.alloc(8 << 20, 'half of another attempt'));
  await cloud.restart(
    leave(id, (record) => ({
      ...record,
      status: 'downloading',
      operation: { kind: 'create', source: { kind: 'image', imageId: IMAGE } },
    })),
  );
  await cloud.service.operationsEnded();
  expect(await cloud.statusOf(id)).toBe('available');
  const bytes = await headOf(fileOf(id), 8 << 20);
  expect(bytes.subarray(0, IMAGE_DATA.length).equals(IMAGE_DATA)).toBe(true);
  expect(bytes.subarray(IMAGE_DATA.length).every((byte) => byte === 0)).toBe(true);
});

it('a creation that cannot be finished ends in error and leaves no bytes', async () => {
  const id = await cloud.volume();
  const gone = 'bbbbbbbb-0000-4000-8000-000000000002';
  await cloud.restart(
    leave(id, (record) => ({
      ...record,
      status: 'downloading',
      operation: { kind: 'create', source: { kind: 'image', imageId: gone } },
    })),
  );
  await cloud.service.operationsEnded();
  expect(await cloud.statusOf(id)).toBe('error');
  await expect(stat(fileOf(id))).rejects.toThrow('ENOENT');
});

it('a deletion that was cut off after the bytes were gone is finished', async () => {
  const id = await cloud.volume();
  await cloud.restart(leave(id, (record) => ({ ...record, status: 'deleting', operation: { kind: 'delete' } })));
  await cloud.service.operationsEnded();
  expect((await cloud.call('GET', `/volumes/${id}`)).status).toBe(404);
  await expect(stat(fileOf(id))).rejects.toThrow('ENOENT');
});

it('an extension that was cut off is finished', async () => {
  const id = await cloud.volume();
  await cloud.restart(
    leave(id, (record) => ({ ...record, status: 'extending', operation: { kind: 'extend', sizeGib: 4 } })),
  );
  await cloud.service.operationsEnded();
  expect((await cloud.call('GET', `/volumes/${id}`)).body.volume).toMatchObject({ size: 4, status: 'available' });
  expect((await stat(fileOf(id))).size).toBe(4 * 2 ** 30);
});

it('live attachments are exported again before the first answer, with the secrets they had', async () => {
  const id = await cloud.volume();
  const nova = { token: ANNA, serviceToken: SERVICE, minor: 44 };
  const reserve = {
    attachment: { volume_uuid: id, instance_uuid: '11111111-1111-4111-8111-111111111111', connector: null },
  };
  const { attachment } = (await cloud.call('POST', '/attachments', { ...nova, body: reserve })).body;
  const body = { attachment: { connector: { initiator: 'iqn.2026-11.test:guest' } } };
  const before = (await cloud.call('PUT', `/attachments/${attachment.id}`, { ...nova, body })).body.attachment;
  await cloud.restart();
  const target = cloud.targets.exports.get(before.connection_info.target_iqn);
  expect(target?.chap).toEqual({
    username: before.connection_info.auth_username,
    secret: before.connection_info.auth_password,
  });
  expect((await cloud.call('GET', `/attachments/${attachment.id}`, nova)).body.attachment).toEqual(before);
});

it('an attachment that was ending is gone after the restart, and not exported in between', async () => {
  const id = await cloud.volume();
  await cloud.restart(
    leave(id, (record) => ({
      ...record,
      status: 'in-use',
      attachments: [
        {
          id: 'cccccccc-0000-4000-8000-000000000003',
          status: 'attached',
          serverId: null,
          legacy: false,
          mode: 'rw',
          device: null,
          hostName: null,
          connector: { initiator: 'iqn.2026-11.test:guest' },
          chap: { username: 'user', secret: 'secretsecret' },
          removing: true,
          attachedAtMs: null,
        },
      ],
    })),
  );
  expect(await cloud.statusOf(id)).toBe('available');
  expect(cloud.targets.events.filter((event) => event.startsWith('export'))).toEqual([]);
});

it('the mark of a copy that is over does not hold its source', async () => {
  const id = await cloud.volume();
  await cloud.restart(leave(id, (record) => ({ ...record, copyIds: ['dddddddd-0000-4000-8000-000000000004'] })));
  expect((await cloud.call('DELETE', `/volumes/${id}`)).status).toBe(202);
});

it('a stop in the middle of an operation leaves it to the next start', async () => {
  const { body } = await cloud.call('POST', '/volumes', { body: { volume: { size: 1, imageRef: IMAGE } } });
  await cloud.restart();
  await cloud.service.operationsEnded();
  expect(await cloud.statusOf(body.volume.id)).toBe('available');
});
