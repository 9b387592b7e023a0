import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCloud } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;
let endpoints: { id: string; service_id: string; interface: string }[];
let imageId: string;

const get = async (path: string) => cloud.call('GET', `/v3/OS-EP-FILTER/${path}`, admin);
const put = async (path: string) => (await cloud.call('PUT', `/v3/OS-EP-FILTER/${path}`, admin)).status;
const remove = async (path: string) => (await cloud.call('DELETE', `/v3/OS-EP-FILTER/${path}`, admin)).status;
const catalog = async () => {
  const found = (await cloud.call('GET', '/v3/auth/catalog', demo)).body.catalog as { type: string; endpoints: [] }[];
  return Object.fromEntries(found.map(({ type, endpoints: each }) => [type, each.length]));
};

async function group(filters: object): Promise<string> {
  const body = { endpoint_group: { name: 'group', filters } };
  return (await cloud.call('POST', '/v3/OS-EP-FILTER/endpoint_groups', admin, body)).body.endpoint_group.id;
}

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
  endpoints = (await cloud.call('GET', '/v3/endpoints', admin)).body.endpoints;
  imageId = (await cloud.call('GET', '/v3/services?type=image', admin)).body.services[0].id;
});
afterAll(() => cloud.stop());

describe('what of the catalog a project sees', () => {
  it('is all of it, until it has been given an endpoint: then those it was given', async () => {
    expect(await catalog()).toEqual({ identity: 3, 'object-store': 3, image: 3 });
    const image = endpoints.find((each) => each.service_id === imageId && each.interface === 'public');
    const path = `projects/${cloud.projectIds.demo}/endpoints/${image?.id}`;
    expect((await get(path)).status).toBe(404);
    expect([await put(path), await put(path)]).toEqual([204, 204]);
    expect((await get(path)).status).toBe(204);
    expect(await catalog()).toEqual({ identity: 0, 'object-store': 0, image: 1 });
    expect((await get(`projects/${cloud.projectIds.demo}/endpoints`)).body.endpoints).toMatchObject([
      { id: image?.id },
    ]);
    expect((await get(`endpoints/${image?.id}/projects`)).body.projects).toMatchObject([{ name: 'demo' }]);
    expect(await remove(path)).toBe(204);
    expect(await remove(path)).toBe(404);
    expect(await catalog()).toEqual({ identity: 3, 'object-store': 3, image: 3 });
  });

  it('may be given as a group of endpoints, which follows its filters and goes with it', async () => {
    const id = await group({ service_id: imageId });
    const path = `endpoint_groups/${id}/projects/${cloud.projectIds.demo}`;
    expect(await put(path)).toBe(204);
    expect((await get(path)).body.endpoint_group_project).toEqual({
      endpoint_group_id: id,
      project_id: cloud.projectIds.demo,
    });
    expect(await catalog()).toMatchObject({ identity: 0, image: 3 });
    const change = { endpoint_group: { filters: { service_id: imageId, interface: 'internal' } } };
    await cloud.call('PATCH', `/v3/OS-EP-FILTER/endpoint_groups/${id}`, admin, change);
    expect(await catalog()).toMatchObject({ image: 1 });
    expect((await get(`endpoint_groups/${id}/endpoints`)).body.endpoints).toHaveLength(1);
    expect((await get(`endpoint_groups/${id}/projects`)).body.projects).toHaveLength(1);
    expect((await get(`projects/${cloud.projectIds.demo}/endpoint_groups`)).body.endpoint_groups).toMatchObject([
      { id },
    ]);
    expect(await remove(`endpoint_groups/${id}`)).toBe(204);
    expect((await get(`endpoint_groups/${id}`)).status).toBe(404);
    expect(await catalog()).toMatchObject({ identity: 3 });
  });

  it('is given from what there is', async () => {
    expect(await put(`projects/${cloud.projectIds.demo}/endpoints/none`)).toBe(404);
    expect(await put(`projects/none/endpoints/${endpoints[0]?.id}`)).toBe(404);
    expect(await put(`endpoint_groups/none/projects/${cloud.projectIds.demo}`)).toBe(404);
    const create = async (filters: object) =>
      (await cloud.call('POST', '/v3/OS-EP-FILTER/endpoint_groups', admin, { endpoint_group: { name: 'x', filters } }))
        .status;
    expect(await create({ service_id: 'none' })).toBe(400);
    expect(await create({ region_id: 'none' })).toBe(400);
    expect(await create({ colour: 'red' })).toBe(400);
    expect((await get('projects/none/endpoints')).status).toBe(404);
    expect((await get('projects/none/endpoint_groups')).status).toBe(404);
    expect((await get('endpoints/none/projects')).status).toBe(404);
  });

  it('forgets what a project was given when the project goes', async () => {
    const body = { project: { name: 'passing' } };
    const { id } = (await cloud.call('POST', '/v3/projects', admin, body)).body.project;
    await put(`projects/${id}/endpoints/${endpoints[0]?.id}`);
    await cloud.call('DELETE', `/v3/projects/${id}`, admin);
    expect((await get(`endpoints/${endpoints[0]?.id}/projects`)).body.projects).toEqual([]);
  });
});
