import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnplugRefusedError } from '../../../compute/errors.ts';
import { refusal } from '../../support/compute/fake-volumes.ts';
import { type Answer, ComputeWorld } from '../../support/compute/world.ts';

let world: ComputeWorld;
let server: string;

beforeEach(async () => {
  world = await ComputeWorld.start();
  server = await world.server();
});

afterEach(() => world.remove());

const path = (volumeId = '') => `servers/${server}/os-volume_attachments${volumeId && `/${volumeId}`}`;

async function attach(volumeId: string, fields: object = {}, minor = 1): Promise<Answer> {
  const answer = await world.call('POST', path(), { minor, body: { volumeAttachment: { volumeId, ...fields } } });
  await world.settled(server);
  return answer;
}

async function detach(volumeId: string): Promise<number> {
  const { status } = await world.call('DELETE', path(volumeId));
  await world.settled(server);
  return status;
}

describe('attaching a volume', () => {
  it('goes reserve, connect, complete, in this order, and ends in-use and plugged', async () => {
    const volume = world.volumes.add();
    const answer = await attach(volume.id);
    expect([answer.status, answer.body.volumeAttachment]).toEqual([
      200,
      { id: volume.id, volumeId: volume.id, serverId: server, device: '/dev/vdb' },
    ]);
    expect(world.volumes.calls).toEqual(['createAttachment', 'updateAttachment', 'completeAttachment']);
    expect(world.volumes.statusOf(volume.id)).toBe('in-use');
    expect(await world.hypervisor.volumesOf(server)).toEqual(new Set([volume.id]));
    const [attachment] = [...world.volumes.attachments.values()];
    expect(attachment).toMatchObject({
      instance: server,
      connector: { initiator: world.hypervisor.initiatorNameOf(server), mountpoint: '/dev/vdb', mode: 'rw' },
    });
    const { server: shown } = (await world.call('GET', `servers/${server}`, { minor: 3 })).body;
    expect(shown['os-extended-volumes:volumes_attached']).toEqual([{ id: volume.id, delete_on_termination: false }]);
  });

  it('is shown with the fields of the microversion, and never with its secret', async () => {
    const volume = world.volumes.add();
    await attach(volume.id, { tag: 'data', delete_on_termination: true, device: '/dev/vdz' }, 79);
    const at = async (minor: number) => (await world.call('GET', path(volume.id), { minor })).body.volumeAttachment;
    expect(Object.keys(await at(1)).sort()).toEqual(['device', 'id', 'serverId', 'volumeId']);
    expect(await at(79)).toMatchObject({ tag: 'data', delete_on_termination: true, device: '/dev/vdz' });
    expect(await at(89)).not.toHaveProperty('id');
    expect(await at(89)).toHaveProperty('attachment_id');
    const list = await world.call('GET', path(), { minor: 89 });
    expect(list.body.volumeAttachments).toHaveLength(1);
    expect(JSON.stringify(list.body)).not.toContain('secret');
  });

  it('of a volume that is not available is answered 400 and leaves no device', async () => {
    const volume = world.volumes.add({ status: 'in-use' });
    const answer = await attach(volume.id);
    expect([answer.status, answer.body.badRequest.message]).toEqual([400, expect.stringContaining('in-use')]);
    expect(await world.devices(server)).toEqual([]);
  });

  it('of a volume that is not there is answered 404', async () => {
    expect((await attach('11111111-1111-4111-8111-111111111111')).status).toBe(404);
  });

  it('of a volume that somebody else reserved first is answered 400 and leaves no device', async () => {
    const volume = world.volumes.add();
    world.volumes.failures.set('createAttachment', refusal(400, 'somebody was faster'));
    expect((await attach(volume.id)).status).toBe(400);
    expect(await world.devices(server)).toEqual([]);
  });

  it('to a device name that is taken, or is none, is refused', async () => {
    const [one, two] = [world.volumes.add(), world.volumes.add()];
    await attach(one.id, { device: '/dev/vdc' });
    expect((await attach(two.id, { device: 'vdc' })).status).toBe(409);
    expect((await attach(two.id, { device: '/dev/../etc' })).status).toBe(400);
    expect(world.volumes.statusOf(two.id)).toBe('available');
  });

  it('is undone where the guest cannot connect: the volume is available again', async () => {
    const volume = world.volumes.add();
    world.hypervisor.attach = async () => {
      throw new Error('no such target');
    };
    expect((await attach(volume.id)).status).toBe(200);
    expect(world.volumes.statusOf(volume.id)).toBe('available');
    expect(world.volumes.attachments.size).toBe(0);
  });

  it('is undone, the disk unplugged first, where it cannot be completed', async () => {
    const volume = world.volumes.add();
    world.volumes.failures.set('completeAttachment', refusal(400, 'no'));
    await attach(volume.id);
    expect(world.volumes.statusOf(volume.id)).toBe('available');
    expect(await world.hypervisor.volumesOf(server)).toEqual(new Set());
  });

  it('waits for a volume service that gives no answer', async () => {
    const volume = world.volumes.add();
    world.volumes.failures.set('updateAttachment', refusal(503, 'starting'));
    await attach(volume.id);
    expect(world.volumes.statusOf(volume.id)).toBe('in-use');
  });

  it('to a server that is off makes it in-use, and the guest has it when it starts', async () => {
    await world.call('POST', `servers/${server}/action`, { body: { 'os-stop': null } });
    await world.settled(server);
    const volume = world.volumes.add();
    await attach(volume.id);
    expect(world.volumes.statusOf(volume.id)).toBe('in-use');
    await world.call('POST', `servers/${server}/action`, { body: { 'os-start': null } });
    expect(await world.settled(server)).toBe('ACTIVE');
    expect(await world.hypervisor.volumesOf(server)).toEqual(new Set([volume.id]));
  });
});

describe('detaching a volume', () => {
  it('goes begin, unplug, delete: the volume is available when the guest has let go', async () => {
    const volume = world.volumes.add();
    await attach(volume.id);
    world.volumes.calls.length = 0;
    expect(await detach(volume.id)).toBe(202);
    expect(world.volumes.calls).toEqual(['beginDetaching', 'deleteAttachment']);
    expect(world.volumes.statusOf(volume.id)).toBe('available');
    expect(await world.hypervisor.volumesOf(server)).toEqual(new Set());
    expect((await world.call('GET', path(volume.id))).status).toBe(404);
    expect(await detach(volume.id)).toBe(404);
    expect((await attach(volume.id)).status).toBe(200); // and again
  });

  it('that the guest refuses is rolled back: the volume stays in-use', async () => {
    const volume = world.volumes.add();
    await attach(volume.id);
    world.hypervisor.detach = async () => {
      throw new UnplugRefusedError('busy');
    };
    expect(await detach(volume.id)).toBe(202);
    expect(world.volumes.calls.slice(-2)).toEqual(['beginDetaching', 'rollDetaching']);
    expect(world.volumes.statusOf(volume.id)).toBe('in-use');
    expect(await world.devices(server)).toMatchObject([{ state: 'attached' }]);
  });

  it('that the volume service refuses leaves everything as it was', async () => {
    const volume = world.volumes.add();
    await attach(volume.id);
    world.volumes.failures.set('beginDetaching', refusal(400, 'no'));
    expect(await detach(volume.id)).toBe(400);
    expect(await world.hypervisor.volumesOf(server)).toEqual(new Set([volume.id]));
    expect(await detach(volume.id)).toBe(202);
    expect(world.volumes.statusOf(volume.id)).toBe('available');
  });

  it('that stayed half done, because the volume service refused it, is finished by asking again', async () => {
    const volume = world.volumes.add();
    await attach(volume.id);
    world.volumes.failures.set('deleteAttachment', refusal(409, 'not now'));
    expect((await world.call('DELETE', path(volume.id))).status).toBe(202);
    await expect.poll(async () => (await world.hypervisor.volumesOf(server)).size, { interval: 1 }).toBe(0);
    await expect.poll(async () => (await world.call('DELETE', path(volume.id))).status, { interval: 1 }).toBe(202);
    expect(await world.settled(server)).toBe('ACTIVE');
    expect(world.volumes.statusOf(volume.id)).toBe('available');
  });

  it('that fails while the guest still has the disk is rolled back', async () => {
    const volume = world.volumes.add();
    await attach(volume.id);
    world.hypervisor.detach = async () => {
      throw new Error('QMP broke');
    };
    expect(await detach(volume.id)).toBe(202);
    expect(world.volumes.statusOf(volume.id)).toBe('in-use');
  });

  it('cannot exchange a volume for another', async () => {
    const [one, two] = [world.volumes.add(), world.volumes.add()];
    await attach(one.id);
    const swap = await world.call('PUT', path(one.id), { body: { volumeAttachment: { volumeId: two.id } } });
    expect(swap.status).toBe(409);
    const keep = { volumeAttachment: { volumeId: one.id, delete_on_termination: true } };
    expect((await world.call('PUT', path(one.id), { minor: 85, body: keep })).status).toBe(202);
    expect((await world.call('GET', path(one.id), { minor: 85 })).body.volumeAttachment.delete_on_termination).toBe(
      true,
    );
  });
});

describe('a server that boots from a volume', () => {
  const create = async (devices: object[], fields: object = {}) =>
    world.call('POST', 'servers', {
      body: { server: { name: 'bfv', flavorRef: '1', block_device_mapping_v2: devices, ...fields } },
    });
  const root = (uuid: string, fields: object = {}) => ({
    uuid,
    boot_index: '0',
    source_type: 'volume',
    destination_type: 'volume',
    ...fields,
  });

  it('shows no image, has the volume as its first disk, and does not let go of it', async () => {
    const volume = world.volumes.add({ bootable: 'true' });
    const { id } = (await create([root(volume.id)])).body.server;
    server = id;
    expect(await world.settled(id)).toBe('ACTIVE');
    expect((await world.call('GET', `servers/${id}`)).body.server.image).toBe('');
    expect((await world.call('GET', path())).body.volumeAttachments).toMatchObject([{ device: '/dev/vda' }]);
    expect(await detach(volume.id)).toBe(403);
    await world.call('DELETE', `servers/${id}`);
    expect(await world.settled(id)).toBeUndefined();
    expect(world.volumes.statusOf(volume.id)).toBe('available');
  });

  it('made from an image, which goes with the server, makes a volume and deletes it in the end', async () => {
    const image = world.addImage();
    const device = { ...root(image.id), source_type: 'image', volume_size: 1, delete_on_termination: true };
    const { id } = (await create([device])).body.server;
    expect(await world.settled(id)).toBe('ACTIVE');
    expect([...world.volumes.volumes.values()]).toMatchObject([{ status: 'in-use', bootable: 'true' }]);
    await world.call('DELETE', `servers/${id}`);
    expect(await world.settled(id)).toBeUndefined();
    expect(world.volumes.volumes.size).toBe(0);
  });

  it('of a volume that is taken, or is not there, is answered 400 and leaves nothing', async () => {
    const taken = world.volumes.add({ status: 'in-use' });
    const free = world.volumes.add();
    for (const devices of [
      [root(taken.id)],
      [root('11111111-1111-4111-8111-111111111111')],
      [root(free.id), root(taken.id, { boot_index: -1 })],
    ]) {
      expect((await create(devices)).status).toBe(400);
      expect(world.volumes.statusOf(free.id)).toBe('available');
    }
    expect((await world.call('GET', 'servers?name=bfv')).body.servers).toEqual([]);
  });

  it.each([
    ['no disk to boot', [{ source_type: 'blank', destination_type: 'volume', volume_size: 1, boot_index: -1 }]],
    ['a blank disk to boot', [{ source_type: 'blank', destination_type: 'volume', volume_size: 1, boot_index: 0 }]],
    [
      'a blank volume with an id',
      [{ source_type: 'blank', destination_type: 'volume', volume_size: 1, uuid: crypto.randomUUID() }],
    ],
    ['a local disk', [{ source_type: 'blank', destination_type: 'local', volume_size: 1, boot_index: 0 }]],
    ['a snapshot', [{ source_type: 'snapshot', destination_type: 'volume', volume_size: 1, boot_index: 0 }]],
  ])('with %s is answered 400', async (_what, devices) => {
    expect((await create(devices)).status).toBe(400);
  });

  it('ends in ERROR when the volume cannot be connected, and the volume is free', async () => {
    const volume = world.volumes.add();
    const boot = world.hypervisor.boot.bind(world.hypervisor);
    world.hypervisor.boot = async () => {
      throw new Error('QEMU did not start: secret path');
    };
    const { id } = (await create([root(volume.id)])).body.server;
    expect(await world.settled(id)).toBe('ERROR');
    world.hypervisor.boot = boot;
    expect((await world.call('GET', `servers/${id}`)).body.server.fault.message).toBe(
      'An internal error has occurred.',
    );
    expect(world.volumes.statusOf(volume.id)).toBe('available');
  });
});
