import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ANNA, BORIS, FakeCloud, SERVICE } from '../../support/volume/fake-cloud.ts';

let cloud: FakeCloud;
let volumeId: string;
beforeEach(async () => {
  cloud = await FakeCloud.start();
  volumeId = await cloud.volume();
});
afterEach(() => cloud.close());

const SERVER = '11111111-1111-4111-8111-111111111111';
const OTHER_SERVER = '22222222-2222-4222-8222-222222222222';
const CONNECTOR = {
  initiator: 'iqn.2026-11.test:guest',
  host: 'node1',
  ip: '127.0.0.1',
  mountpoint: '/dev/vdb',
  do_local_attach: false,
};
const nova = { token: ANNA, serviceToken: SERVICE, minor: 54 };

async function reserve(serverId: string | null = SERVER, options: object = nova) {
  const body = { attachment: { volume_uuid: volumeId, instance_uuid: serverId, connector: null } };
  return cloud.call('POST', '/attachments', { ...options, body });
}

async function connect(attachmentId: string, connector: object = CONNECTOR) {
  return cloud.call('PUT', `/attachments/${attachmentId}`, { ...nova, body: { attachment: { connector } } });
}

async function complete(attachmentId: string) {
  return cloud.call('POST', `/attachments/${attachmentId}/action`, { ...nova, body: { 'os-complete': null } });
}

async function attached(): Promise<string> {
  const { id } = (await reserve()).body.attachment;
  await connect(id);
  expect((await complete(id)).status).toBe(204);
  return id;
}

describe('the handshake', () => {
  it('goes reserved, attaching, in-use, detaching, available', async () => {
    const made = await reserve();
    expect(made.status).toBe(200);
    expect(made.body.attachment).toMatchObject({
      status: 'reserved',
      instance: SERVER,
      volume_id: volumeId,
      connection_info: {},
    });
    expect(await cloud.statusOf(volumeId)).toBe('reserved');
    const { id } = made.body.attachment;

    const connected = await connect(id);
    expect(connected.body.attachment.status).toBe('attaching');
    expect(connected.body.attachment.connection_info).toEqual({
      driver_volume_type: 'iscsi',
      attachment_id: id,
      enforce_multipath: false,
      target_discovered: false,
      target_portal: '127.0.0.1:3260',
      target_iqn: `iqn.2010-10.org.openstack:${id}`,
      target_lun: 1,
      volume_id: volumeId,
      auth_method: 'CHAP',
      auth_username: expect.stringMatching(/^\w{20}$/),
      auth_password: expect.stringMatching(/^\w{16}$/),
      access_mode: 'rw',
      encrypted: false,
      qos_specs: null,
      cacheable: false,
      discard: true,
    });
    expect(await cloud.statusOf(volumeId)).toBe('attaching');
    const [target] = cloud.targets.exports.values();
    expect(target).toMatchObject({
      initiatorName: CONNECTOR.initiator,
      sizeBytes: 2 ** 30,
      serial: volumeId,
      readOnly: false,
    });

    expect((await complete(id)).status).toBe(204);
    const { volume } = (await cloud.call('GET', `/volumes/${volumeId}`)).body;
    expect(volume.status).toBe('in-use');
    expect(volume.attachments).toEqual([
      {
        id: volumeId,
        attachment_id: id,
        volume_id: volumeId,
        server_id: SERVER,
        host_name: null,
        device: '/dev/vdb',
        attached_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    ]);

    await cloud.call('POST', `/volumes/${volumeId}/action`, { ...nova, body: { 'os-begin_detaching': {} } });
    expect(await cloud.statusOf(volumeId)).toBe('detaching');
    const ended = await cloud.call('DELETE', `/attachments/${id}`, nova);
    expect(ended.status).toBe(200);
    expect(ended.body).toEqual({ attachments: [] });
    expect(await cloud.statusOf(volumeId)).toBe('available');
    expect(cloud.targets.exports.size).toBe(0);
  });

  it('of many callers that reserve at the same time one wins', async () => {
    const servers = Array.from({ length: 8 }, (_, index) => `${index}1111111-1111-4111-8111-111111111111`);
    const answers = await Promise.all(servers.map((serverId) => reserve(serverId)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400, 400, 400, 400]);
  });

  it('the same server may reserve twice: live migration', async () => {
    await attached();
    expect((await reserve(SERVER)).status).toBe(200);
    expect((await reserve(OTHER_SERVER)).status).toBe(400);
    expect(await cloud.statusOf(volumeId)).toBe('in-use');
  });

  it('a type with multiattach lets several servers in', async () => {
    const body = { volume_type: { name: 'shared', extra_specs: { multiattach: '<is> True' } } };
    await cloud.call('POST', '/types', { token: ADMIN, body });
    volumeId = await cloud.volume({ volume_type: 'shared' });
    await attached();
    expect((await reserve(OTHER_SERVER)).status).toBe(200);
  });

  it('every attachment has a secret of its own, and the same connector again gets the same', async () => {
    const first = (await reserve()).body.attachment.id;
    const one = (await connect(first)).body.attachment.connection_info;
    expect((await connect(first)).body.attachment.connection_info).toEqual(one);
    await cloud.call('DELETE', `/attachments/${first}`, nova);
    const second = (await reserve()).body.attachment.id;
    const two = (await connect(second)).body.attachment.connection_info;
    expect(two.auth_password).not.toBe(one.auth_password);
    expect(two.target_iqn).not.toBe(one.target_iqn);
  });

  it('another initiator before the end gets a fresh secret; the first one is shut out', async () => {
    const { id } = (await reserve()).body.attachment;
    const one = (await connect(id)).body.attachment.connection_info;
    const two = (await connect(id, { initiator: 'iqn.2026-11.test:other' })).body.attachment.connection_info;
    expect(two.auth_password).not.toBe(one.auth_password);
    expect(cloud.targets.events).toContain(`unexport ${one.target_iqn}`);
    await complete(id);
    expect((await connect(id, CONNECTOR)).status).toBe(400);
  });

  it.each([[{}], [{ initiator: '' }], [{ initiator: 'not a name' }], [{ host: 'node1' }]])(
    'the connector %j is 400, and the volume stays reserved',
    async (connector) => {
      const { id } = (await reserve()).body.attachment;
      expect((await connect(id, connector)).status).toBe(400);
      expect(await cloud.statusOf(volumeId)).toBe('reserved');
    },
  );

  it('an export that fails leaves the volume reserved and no secret behind', async () => {
    const { id } = (await reserve()).body.attachment;
    cloud.targets.failNextExport = true;
    expect((await connect(id)).status).toBe(500);
    expect(await cloud.statusOf(volumeId)).toBe('reserved');
    expect((await cloud.call('GET', `/attachments/${id}`, nova)).body.attachment.connection_info).toEqual({});
    expect((await connect(id)).status).toBe(200);
  });

  it('completing without a connector is 400, completing twice is not', async () => {
    const { id } = (await reserve()).body.attachment;
    expect((await complete(id)).status).toBe(400);
    await connect(id);
    expect((await complete(id)).status).toBe(204);
    expect((await complete(id)).status).toBe(204);
  });

  it('a guest that refuses to let go rolls the volume back to in-use', async () => {
    await attached();
    const act = (action: string) =>
      cloud.call('POST', `/volumes/${volumeId}/action`, { ...nova, body: { [action]: {} } });
    expect((await act('os-roll_detaching')).status).toBe(400);
    expect((await act('os-begin_detaching')).status).toBe(202);
    expect((await act('os-begin_detaching')).status).toBe(400);
    expect((await act('os-roll_detaching')).status).toBe(202);
    expect(await cloud.statusOf(volumeId)).toBe('in-use');
  });

  it('a read-only volume is exported read-only', async () => {
    const body = { 'os-update_readonly_flag': { readonly: true } };
    await cloud.call('POST', `/volumes/${volumeId}/action`, { body });
    const { id } = (await reserve()).body.attachment;
    expect((await connect(id)).body.attachment.connection_info.access_mode).toBe('ro');
    expect([...cloud.targets.exports.values()][0]?.readOnly).toBe(true);
  });

  it('with a connector at once the export is there at once', async () => {
    const body = { attachment: { volume_uuid: volumeId, instance_uuid: SERVER, connector: CONNECTOR } };
    const answer = await cloud.call('POST', '/attachments', { ...nova, body });
    expect(answer.body.attachment.connection_info.target_lun).toBe(1);
  });

  it('a volume in use can grow, and its sessions see it', async () => {
    const id = await attached();
    const extend = (minor: number) =>
      cloud.call('POST', `/volumes/${volumeId}/action`, { minor, body: { 'os-extend': { new_size: 2 } } });
    expect((await extend(41)).status).toBe(400);
    expect((await extend(42)).status).toBe(202);
    await cloud.service.operationsEnded();
    expect(await cloud.statusOf(volumeId)).toBe('in-use');
    expect(cloud.targets.events.at(-1)).toBe(`resize iqn.2010-10.org.openstack:${id} ${2 * 2 ** 30}`);
  });
});

describe('who may end an attachment (CVE-2023-2088)', () => {
  it('its owner alone may not while a server has it: 409', async () => {
    const id = await attached();
    const refused = await cloud.call('DELETE', `/attachments/${id}`, { token: ANNA, minor: 44 });
    expect(refused.status).toBe(409);
    expect(refused.body.conflictingRequest.message).toContain(SERVER);
    expect(cloud.targets.exports.size).toBe(1);
    const detach = { 'os-detach': { attachment_id: id } };
    expect((await cloud.call('POST', `/volumes/${volumeId}/action`, { body: detach })).status).toBe(409);
  });

  it('a service token of somebody who is no service does not help', async () => {
    const id = await attached();
    const options = { token: ANNA, serviceToken: BORIS, minor: 44 };
    expect((await cloud.call('DELETE', `/attachments/${id}`, options)).status).toBe(409);
  });

  it('a reservation that was never connected is its owner’s to drop', async () => {
    const { id } = (await reserve()).body.attachment;
    expect((await cloud.call('DELETE', `/attachments/${id}`, { token: ANNA, minor: 44 })).status).toBe(200);
    expect(await cloud.statusOf(volumeId)).toBe('available');
  });

  it('a service may for itself', async () => {
    const id = await attached();
    expect((await cloud.call('DELETE', `/attachments/${id}`, { token: SERVICE, minor: 44 })).status).toBe(200);
  });

  it('the export is gone before the volume is available', async () => {
    const id = await attached();
    const seen: string[] = [];
    cloud.targets.duringUnexport = async () => {
      seen.push(await cloud.statusOf(volumeId));
      const again = await reserve(OTHER_SERVER);
      seen.push(String(again.status));
    };
    await cloud.call('DELETE', `/attachments/${id}`, nova);
    expect(seen).toEqual(['in-use', '400']);
    expect(await cloud.statusOf(volumeId)).toBe('available');
  });

  it('a deletion that comes while the export is being made leaves no export', async () => {
    const { id } = (await reserve()).body.attachment;
    let deletion: Promise<unknown> = Promise.resolve();
    cloud.targets.duringExport = async () => {
      deletion = cloud.call('DELETE', `/attachments/${id}`, nova);
      // Time enough for a deletion that does not wait for the export; the right one cannot end before this does.
      await Promise.race([deletion, setTimeout(200)]);
    };
    await connect(id);
    await deletion;
    expect(cloud.targets.exports.size).toBe(0);
    expect(await cloud.statusOf(volumeId)).toBe('available');
  });
});

describe('who sees what', () => {
  it('users never see connection_info, services do', async () => {
    const id = await attached();
    const asUser = await cloud.call('GET', `/attachments/${id}`, { token: ANNA, minor: 44 });
    expect(asUser.body.attachment.connection_info).toEqual({});
    const asAdmin = await cloud.call('GET', `/attachments/${id}`, { token: ADMIN, minor: 44 });
    expect(asAdmin.body.attachment.connection_info).toEqual({});
    const asService = await cloud.call('GET', `/attachments/${id}`, nova);
    expect(asService.body.attachment.connection_info.auth_password).toBeTruthy();
  });

  it('another project’s attachment is not there, service token or not', async () => {
    const id = await attached();
    for (const options of [
      { token: BORIS, minor: 44 },
      { token: BORIS, serviceToken: SERVICE, minor: 44 },
    ]) {
      expect((await cloud.call('GET', `/attachments/${id}`, options)).status).toBe(404);
      expect((await cloud.call('DELETE', `/attachments/${id}`, options)).status).toBe(404);
      expect((await cloud.call('GET', '/attachments?all_tenants=1', options)).body.attachments).toEqual([]);
    }
    expect((await reserve(SERVER, { token: BORIS, serviceToken: SERVICE, minor: 44 })).status).toBe(404);
  });

  it('lists filter by volume and server', async () => {
    const id = await attached();
    const list = async (query: string) =>
      (await cloud.call('GET', `/attachments?${query}`, { minor: 44 })).body.attachments.map(
        (each: { id: string }) => each.id,
      );
    expect(await list(`volume_id=${volumeId}`)).toEqual([id]);
    expect(await list(`instance_id=${OTHER_SERVER}`)).toEqual([]);
  });

  it('below 3.27 there are no attachments', async () => {
    expect((await cloud.call('GET', '/attachments', { minor: 26 })).status).toBe(404);
  });

  it('host names are for administrators and services', async () => {
    await attached();
    const hostFor = async (token: string) =>
      (await cloud.call('GET', `/volumes/${volumeId}`, { token })).body.volume.attachments[0].host_name;
    expect(await hostFor(ANNA)).toBeNull();
    expect(await hostFor(ADMIN)).toBe('node1');
  });
});

describe('attaching as before 3.27', () => {
  const act = (body: object, options: object = nova) =>
    cloud.call('POST', `/volumes/${volumeId}/action`, { ...options, body });

  it('reserve, initialize_connection, attach, terminate_connection', async () => {
    expect((await act({ 'os-reserve': {} })).status).toBe(202);
    const made = await act({ 'os-initialize_connection': { connector: CONNECTOR } });
    expect(made.body.connection_info).toMatchObject({ driver_volume_type: 'iscsi', data: { auth_method: 'CHAP' } });
    await act({ 'os-attach': { instance_uuid: SERVER, mountpoint: '/dev/vdc' } });
    expect(await cloud.statusOf(volumeId)).toBe('in-use');
    await act({ 'os-begin_detaching': {} });
    await act({ 'os-terminate_connection': { connector: CONNECTOR } });
    expect(cloud.targets.exports.size).toBe(0);
    expect(await cloud.statusOf(volumeId)).toBe('available');
  });

  it('without a service token there is no connection', async () => {
    const body = { 'os-initialize_connection': { connector: CONNECTOR } };
    expect((await act(body, { token: ANNA })).status).toBe(409);
    expect(cloud.targets.exports.size).toBe(0);
  });

  it('unreserve gives the volume back', async () => {
    await act({ 'os-reserve': {} });
    expect(await cloud.statusOf(volumeId)).toBe('attaching');
    await act({ 'os-unreserve': {} });
    expect(await cloud.statusOf(volumeId)).toBe('available');
  });
});
