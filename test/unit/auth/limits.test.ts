import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORDS, projectScope, TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;
let serviceId: string;
let made = 0;

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
  serviceId = (await cloud.call('GET', '/v3/services?type=image', admin)).body.services[0].id;
});
afterAll(() => cloud.stop());

const resource = () => {
  made += 1;
  return `resource-${made}`;
};
const register = (...bodies: object[]) =>
  cloud.call('POST', '/v3/registered_limits', admin, {
    registered_limits: bodies.map((body) => ({ service_id: serviceId, default_limit: 10, ...body })),
  });
const limit = (...bodies: object[]) =>
  cloud.call('POST', '/v3/limits', admin, {
    limits: bodies.map((body) => ({ service_id: serviceId, resource_limit: 5, ...body })),
  });

describe('registered limits', () => {
  it('are made together or not at all, once per service, region and resource', async () => {
    const [first, second] = [resource(), resource()];
    const answer = await register({ resource_name: first }, { resource_name: second, region_id: 'RegionOne' });
    expect(answer.status).toBe(201);
    expect(answer.body.registered_limits[1]).toMatchObject({
      region_id: 'RegionOne',
      default_limit: 10,
      description: null,
    });
    const third = resource();
    expect((await register({ resource_name: third }, { resource_name: first })).status).toBe(409);
    expect((await register({ resource_name: third }, { resource_name: third })).status).toBe(409);
    const listed = await cloud.call('GET', `/v3/registered_limits?resource_name=${third}`, demo);
    expect(listed.body.registered_limits).toEqual([]);
    expect((await register({ resource_name: third, service_id: 'none' })).status).toBe(400);
    expect((await register({ resource_name: third, region_id: 'none' })).status).toBe(400);
    expect((await register()).status).toBe(400);
  });

  it('change, and stay what they are of while a project has its own', async () => {
    const name = resource();
    const { id } = (await register({ resource_name: name })).body.registered_limits[0];
    const path = `/v3/registered_limits/${id}`;
    const patch = async (body: object) => (await cloud.call('PATCH', path, admin, { registered_limit: body })).status;
    expect(await patch({ default_limit: 20, description: 'more' })).toBe(200);
    expect(await patch({ service_id: 'none' })).toBe(400);
    const own = (await limit({ resource_name: name, project_id: cloud.projectIds.demo })).body.limits[0];
    expect(await patch({ resource_name: `${name}-new` })).toBe(403);
    expect((await cloud.call('DELETE', path, admin)).status).toBe(403);
    await cloud.call('DELETE', `/v3/limits/${own.id}`, admin);
    expect(await patch({ resource_name: `${name}-new` })).toBe(200);
    expect((await cloud.call('DELETE', path, admin)).status).toBe(204);
    expect((await cloud.call('GET', path, admin)).status).toBe(404);
    expect(await patch({ default_limit: 1 })).toBe(404);
  });
});

describe('limits', () => {
  it('are of one project or domain, of a resource that is registered, and made once', async () => {
    const name = resource();
    await register({ resource_name: name });
    const projectId = cloud.projectIds.demo;
    expect((await limit({ resource_name: name })).status).toBe(400);
    expect((await limit({ resource_name: name, project_id: projectId, domain_id: 'default' })).status).toBe(400);
    expect((await limit({ resource_name: 'none', project_id: projectId })).status).toBe(403);
    expect((await limit({ resource_name: name, project_id: 'none' })).status).toBe(404);
    expect((await limit({ resource_name: name, domain_id: projectId })).status).toBe(404);
    const answer = await limit(
      { resource_name: name, project_id: projectId },
      { resource_name: name, domain_id: 'default' },
    );
    expect(answer.status).toBe(201);
    expect(answer.body.limits[0]).toMatchObject({
      project_id: projectId,
      domain_id: null,
      resource_limit: 5,
      service_id: serviceId,
    });
    expect((await limit({ resource_name: name, project_id: projectId })).status).toBe(409);
  });

  it('are seen by their project, by services and by administrators, and changed by the last', async () => {
    const name = resource();
    await register({ resource_name: name });
    const owners = [cloud.projectIds.demo, cloud.projectIds.admin].map((id) => ({
      resource_name: name,
      project_id: id,
    }));
    const [own, other] = (await limit(...owners)).body.limits;
    const seenBy = async (token: string) =>
      (await cloud.call('GET', `/v3/limits?resource_name=${name}`, token)).body.limits.map(
        ({ id }: { id: string }) => id,
      );
    expect(await seenBy(demo)).toEqual([own.id]);
    expect((await seenBy(admin)).length).toBe(2);
    expect((await seenBy(await cloud.token('nova', PASSWORDS.service, projectScope('service')))).length).toBe(2);
    expect((await cloud.call('GET', `/v3/limits/${own.id}`, demo)).status).toBe(200);
    expect((await cloud.call('GET', `/v3/limits/${other.id}`, demo)).status).toBe(403);
    const change = { limit: { resource_limit: 7 } };
    expect((await cloud.call('PATCH', `/v3/limits/${own.id}`, demo, change)).status).toBe(403);
    expect((await cloud.call('PATCH', `/v3/limits/${own.id}`, admin, change)).body.limit.resource_limit).toBe(7);
    expect((await cloud.call('PATCH', `/v3/limits/${own.id}`, admin, { limit: {} })).status).toBe(400);
    expect((await cloud.call('DELETE', `/v3/limits/${own.id}`, admin)).status).toBe(204);
    expect((await cloud.call('GET', `/v3/limits/${own.id}`, admin)).status).toBe(404);
  });

  it('go with their project', async () => {
    const name = resource();
    await register({ resource_name: name });
    const { id } = (await cloud.call('POST', '/v3/projects', admin, { project: { name } })).body.project;
    const own = (await limit({ resource_name: name, project_id: id })).body.limits[0];
    await cloud.call('DELETE', `/v3/projects/${id}`, admin);
    expect((await cloud.call('GET', `/v3/limits/${own.id}`, admin)).status).toBe(404);
  });

  it('follow the flat model', async () => {
    expect((await cloud.call('GET', '/v3/limits/model', demo)).body.model.name).toBe('flat');
  });
});
