import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  beginDetaching,
  completeAttachment,
  createAttachment,
  createVolume,
  deleteAttachment,
  deleteVolume,
  listAttachments,
  rollDetaching,
  showAttachment,
  showVolume,
  updateAttachment,
  type VolumeCaller,
} from '../../../volume/client.ts';
import { ANNA, BORIS, FakeCloud, SERVICE } from '../../support/volume/fake-cloud.ts';

const SERVER = '11111111-1111-4111-8111-111111111111';

let cloud: FakeCloud;
let nova: VolumeCaller;
beforeEach(async () => {
  cloud = await FakeCloud.start();
  await cloud.service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = cloud.service.app.server.address() as AddressInfo;
  nova = { endpoint: `http://127.0.0.1:${port}/v3/service`, token: ANNA, serviceToken: SERVICE };
});
afterEach(() => cloud.close());

it('compute’s whole handshake goes through the client', async () => {
  const { id: volumeId } = await createVolume(nova, { size: 1, name: 'disk' });
  await cloud.service.operationsEnded();
  expect(await showVolume(nova, volumeId)).toMatchObject({ name: 'disk', status: 'available', size: 1 });

  const { id } = await createAttachment(nova, { volumeId, serverId: SERVER, mode: 'rw' });
  const attachment = await updateAttachment(nova, id, { initiator: 'iqn.2026-11.test:guest', mountpoint: '/dev/vdb' });
  expect(attachment.connection_info.target_iqn).toContain(id);
  await completeAttachment(nova, id);
  expect(await showAttachment(nova, id)).toMatchObject({ status: 'attached', instance: SERVER });
  expect((await showVolume(nova, volumeId)).attachments[0]?.device).toBe('/dev/vdb');

  await beginDetaching(nova, volumeId);
  await rollDetaching(nova, volumeId);
  expect((await listAttachments(nova, { serverId: SERVER })).map((each) => each.id)).toEqual([id]);
  await deleteAttachment(nova, id);
  await deleteAttachment(nova, id);
  expect(await listAttachments(nova, { volumeId })).toEqual([]);
  await deleteVolume(nova, volumeId);
});

it('a service finds the attachments of all projects with its own token', async () => {
  const { id: volumeId } = await createVolume({ ...nova, token: BORIS }, { size: 1 });
  await cloud.service.operationsEnded();
  const { id } = await createAttachment({ ...nova, token: BORIS }, { volumeId, serverId: SERVER });
  const found = await listAttachments({ ...nova, token: SERVICE }, { serverId: SERVER });
  expect(found.map((each) => each.id)).toEqual([id]);
});

it('what the service refuses comes back with its status and words', async () => {
  const missing = showVolume(nova, '00000000-0000-4000-8000-000000000000');
  await expect(missing).rejects.toMatchObject({ status: 404, message: expect.stringContaining('could not be found') });
  await expect(createVolume(nova, { size: 5000 })).rejects.toMatchObject({ status: 413 });
  await expect(showVolume({ ...nova, token: 'nobody' }, 'x')).rejects.toMatchObject({ status: 401 });
});

it('no answer is 503, and never taken for a refusal', async () => {
  await cloud.service.app.close();
  await expect(showVolume(nova, 'x')).rejects.toMatchObject({ status: 503, code: 'VolumeServiceUnavailable' });
});
