import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ANNA, BORIS, FakeCloud } from '../../support/volume/fake-cloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await FakeCloud.start();
});
afterEach(() => cloud.close());

async function makeType(fields: Record<string, unknown>): Promise<string> {
  const { body } = await cloud.call('POST', '/types', { token: ADMIN, body: { volume_type: fields } });
  return body.volume_type.id;
}

describe('types', () => {
  it('the default one is there from the start, also under the id "default"', async () => {
    const { volume_types: types } = (await cloud.call('GET', '/types')).body;
    expect(types).toHaveLength(1);
    expect(types[0]).toMatchObject({ name: '__DEFAULT__', is_public: true });
    expect((await cloud.call('GET', '/types/default')).body.volume_type.id).toBe(types[0].id);
  });

  it('are made, changed and removed by administrators only', async () => {
    const make = { volume_type: { name: 'fast' } };
    expect((await cloud.call('POST', '/types', { body: make })).status).toBe(403);
    const id = await makeType({ name: 'fast', description: 'ssd' });
    const change = { volume_type: { name: 'faster', description: 'nvme' } };
    expect((await cloud.call('PUT', `/types/${id}`, { body: change })).status).toBe(403);
    await cloud.call('PUT', `/types/${id}`, { token: ADMIN, body: change });
    expect((await cloud.call('GET', `/types/${id}`)).body.volume_type).toMatchObject({
      name: 'faster',
      description: 'nvme',
    });
    expect((await cloud.call('DELETE', `/types/${id}`)).status).toBe(403);
    expect((await cloud.call('DELETE', `/types/${id}`, { token: ADMIN })).status).toBe(202);
    expect((await cloud.call('GET', `/types/${id}`)).status).toBe(404);
  });

  it('a name that is taken is 409', async () => {
    await makeType({ name: 'fast' });
    const again = await cloud.call('POST', '/types', { token: ADMIN, body: { volume_type: { name: 'fast' } } });
    expect(again.status).toBe(409);
  });

  it('the default one and one in use stay: 400', async () => {
    const byDefault = (await cloud.call('GET', '/types/default')).body.volume_type.id;
    expect((await cloud.call('DELETE', `/types/${byDefault}`, { token: ADMIN })).status).toBe(400);
    const id = await makeType({ name: 'fast' });
    await cloud.volume({ volume_type: 'fast' });
    expect((await cloud.call('DELETE', `/types/${id}`, { token: ADMIN })).status).toBe(400);
  });

  it('one that is not public is seen and used only by projects that were let in', async () => {
    const id = await makeType({ name: 'secret', 'os-volume-type-access:is_public': false });
    expect((await cloud.call('GET', `/types/${id}`, { token: BORIS })).status).toBe(404);
    const create = { volume: { size: 1, volume_type: 'secret' } };
    expect((await cloud.call('POST', '/volumes', { token: BORIS, body: create })).status).toBe(404);
    const grant = { addProjectAccess: { project: 'blue' } };
    expect((await cloud.call('POST', `/types/${id}/action`, { token: ADMIN, body: grant })).status).toBe(202);
    expect((await cloud.call('POST', '/volumes', { token: BORIS, body: create })).status).toBe(202);
    await cloud.service.operationsEnded();
    const access = await cloud.call('GET', `/types/${id}/os-volume-type-access`, { token: ADMIN });
    expect(access.body.volume_type_access).toEqual([{ volume_type_id: id, project_id: 'blue' }]);
  });

  it('extra specs are added, read and removed; users see only what concerns them', async () => {
    const id = await makeType({ name: 'fast', extra_specs: { multiattach: '<is> True' } });
    await cloud.call('POST', `/types/${id}/extra_specs`, {
      token: ADMIN,
      body: { extra_specs: { volume_backend_name: 'file' } },
    });
    const specsFor = async (token: string) =>
      (await cloud.call('GET', `/types/${id}/extra_specs`, { token })).body.extra_specs;
    expect(await specsFor(ADMIN)).toEqual({ multiattach: '<is> True', volume_backend_name: 'file' });
    expect(await specsFor(ANNA)).toEqual({ multiattach: '<is> True' });
    const path = `/types/${id}/extra_specs/multiattach`;
    expect((await cloud.call('DELETE', path, { token: ADMIN })).status).toBe(202);
    expect((await cloud.call('DELETE', path, { token: ADMIN })).status).toBe(404);
  });
});

describe('quotas', () => {
  const setQuota = (limits: object) =>
    cloud.call('PUT', '/os-quota-sets/red', { token: ADMIN, body: { quota_set: limits } });

  it('a volume too many is 413 with the body of an overLimit', async () => {
    await setQuota({ volumes: 1 });
    await cloud.volume();
    const { status, headers, body } = await cloud.call('POST', '/volumes', { body: { volume: { size: 1 } } });
    expect(status).toBe(413);
    expect(headers['retry-after']).toBe('0');
    expect(body.overLimit).toEqual({
      code: 413,
      message: "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'.",
      retryAfter: '0',
    });
  });

  it('GiB too many are 413, for new volumes and for larger ones', async () => {
    await setQuota({ gigabytes: 2 });
    const id = await cloud.volume();
    const large = await cloud.call('POST', '/volumes', { body: { volume: { size: 2 } } });
    expect(large.body.overLimit.message).toContain('Requested 2G, quota is 2G and 1G has been consumed');
    const extend = { 'os-extend': { new_size: 3 } };
    expect((await cloud.call('POST', `/volumes/${id}/action`, { body: extend })).status).toBe(413);
    expect(await cloud.statusOf(id)).toBe('available');
  });

  it('of many that ask at the same time as many get it as the quota allows', async () => {
    await setQuota({ volumes: 3 });
    const ask = () => cloud.call('POST', '/volumes', { body: { volume: { size: 1 } } });
    const statuses = (await Promise.all(Array.from({ length: 10 }, ask))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(3);
    expect(statuses.filter((status) => status === 413)).toHaveLength(7);
    await cloud.service.operationsEnded();
  });

  it('what is deleted counts no more', async () => {
    await setQuota({ volumes: 1 });
    const id = await cloud.volume();
    await cloud.call('DELETE', `/volumes/${id}`);
    await cloud.service.operationsEnded();
    expect((await cloud.call('POST', '/volumes', { body: { volume: { size: 1 } } })).status).toBe(202);
  });

  it('of one type hold for that type only', async () => {
    await makeType({ name: 'fast' });
    await setQuota({ volumes_fast: 0 });
    const ask = (type: string) => cloud.call('POST', '/volumes', { body: { volume: { size: 1, volume_type: type } } });
    expect((await ask('fast')).status).toBe(413);
    expect((await ask('__DEFAULT__')).status).toBe(202);
  });

  it('usage and limits are shown to the project, not to others', async () => {
    await cloud.volume({ size: 3 });
    const { quota_set: quota } = (await cloud.call('GET', '/os-quota-sets/red?usage=True')).body;
    expect(quota.gigabytes).toEqual({ in_use: 3, limit: 1000, reserved: 0 });
    expect(quota['volumes___DEFAULT__']).toEqual({ in_use: 1, limit: -1, reserved: 0 });
    expect((await cloud.call('GET', '/os-quota-sets/red', { token: BORIS })).status).toBe(403);
    expect((await setQuota({ nonsense: 1 })).status).toBe(400);
  });

  it('limits tell what is used', async () => {
    await cloud.volume({ size: 3 });
    const { absolute } = (await cloud.call('GET', '/limits')).body.limits;
    expect(absolute).toMatchObject({ totalVolumesUsed: 1, totalGigabytesUsed: 3, maxTotalVolumes: 10 });
  });
});

describe('the cloud', () => {
  it('services and pools are the administrator’s to see', async () => {
    expect((await cloud.call('GET', '/os-services')).status).toBe(403);
    const { services } = (await cloud.call('GET', '/os-services', { token: ADMIN })).body;
    expect(services.map(({ binary, state }: { binary: string; state: string }) => [binary, state])).toEqual([
      ['cinder-scheduler', 'up'],
      ['cinder-volume', 'up'],
    ]);
    const { pools } = (await cloud.call('GET', '/scheduler-stats/get_pools?detail=True', { token: ADMIN })).body;
    expect(pools[0]).toMatchObject({
      name: 'martlet@file#file',
      capabilities: { storage_protocol: 'iSCSI', vendor_name: 'Open Source', thin_provisioning_support: true },
    });
  });

  it('zones and extensions are everybody’s', async () => {
    const { availabilityZoneInfo: zones } = (await cloud.call('GET', '/os-availability-zone')).body;
    expect(zones).toEqual([{ zoneName: 'nova', zoneState: { available: true } }]);
    expect((await cloud.call('GET', '/extensions')).body.extensions.length).toBeGreaterThan(5);
  });
});
