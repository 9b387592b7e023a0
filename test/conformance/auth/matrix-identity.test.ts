import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyTarget } from '../../../auth/guard/contract.ts';
import { createPolicy } from '../../../auth/guard/policy.ts';
import { identityPolicy } from '../../../auth/policy-defaults.ts';
import { PersonaCloud, type Place } from '../../support/auth/personas.ts';
import type { TestCloud } from '../../support/auth/test-cloud.ts';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Call {
  method: Method;
  path: string;
  body?: object;
  target?: PolicyTarget;
  /** Refusals that do not say 403: of what others may not even know of, or of a list that is merely shorter. */
  hides?: true;
}

/** How an action is asked for, in a place. What it destroys it makes first. */
type Asking = (place: Place) => Call | Promise<Call>;

let people: PersonaCloud;
let cloud: TestCloud;
let admin: string;
let roles: Record<string, string>;
let serviceId: string;
let endpointId: string;
const policy = createPolicy(identityPolicy);

const unique = () => people.unique();
const make = (path: string, key: string, body: object) => people.make(path, key, body);
const newUser = (domainId: string) => people.newUser(domainId);
const newGroup = (domainId: string) => people.newGroup(domainId);
const newProject = (domainId: string) => people.newProject(domainId);
const newDomain = (enabled = true) => people.newDomain(enabled);
const newRole = () => make('roles', 'role', { name: unique() });
const tokenOf = (userId: string, scope: object) => people.tokenOf(userId, scope);

beforeAll(async () => {
  people = await PersonaCloud.start();
  ({ cloud, admin, roles } = people);
  serviceId = await make('services', 'service', { type: 'test', name: 'test' });
  endpointId = await make('endpoints', 'endpoint', { service_id: serviceId, interface: 'public', url: 'http://x' });
});
afterAll(() => people.stop());

const ofUser = ({ userId, domainId }: Place): PolicyTarget => ({ 'user.id': userId, 'user.domain_id': domainId });
const ofProject = ({ projectId, domainId }: Place): PolicyTarget => ({
  'project.id': projectId,
  'project.domain_id': domainId,
});
const ofGroup = ({ groupId, domainId }: Place): PolicyTarget => ({ 'group.id': groupId, 'group.domain_id': domainId });
const ofDomain = ({ domainId }: Place): PolicyTarget => ({ 'domain.id': domainId });
const reader = () => ({ 'role.id': roles['reader'], 'role.name': 'reader', 'role.domain_id': null });
const ofGrant = (place: Place): PolicyTarget => ({ ...ofUser(place), ...ofProject(place), ...reader() });

const get =
  (path: (place: Place) => string, target?: (place: Place) => PolicyTarget): Asking =>
  (place) => ({
    method: 'GET',
    path: path(place),
    ...(target ? { target: target(place) } : {}),
  });
const plain =
  (method: Method, path: string, body?: object): Asking =>
  () => ({ method, path, ...(body ? { body } : {}) });
/** On a resource that is made for the call. */
const onNew =
  (method: Method, collection: string, key: string, body: () => object, end: object | string = ''): Asking =>
  async () => {
    const id = await make(collection, key, body());
    return typeof end === 'string'
      ? { method, path: `${collection}/${id}${end}` }
      : { method, path: `${collection}/${id}`, body: { [key]: end } };
  };

async function newCredential({ userId }: Place, projectId?: string): Promise<string> {
  const blob = JSON.stringify({ access: unique(), secret: 's' });
  return make('credentials', 'credential', {
    type: projectId ? 'ec2' : 'cert',
    blob,
    user_id: userId,
    project_id: projectId,
  });
}

async function newApplicationCredential({ userId, projectId }: Place) {
  const token = await tokenOf(userId, { project: { id: projectId } });
  const body = { name: unique(), access_rules: [{ service: 'image', method: 'GET', path: `/${unique()}` }] };
  const answer = await cloud.call('POST', `/v3/users/${userId}/application_credentials`, token, {
    application_credential: body,
  });
  return answer.body.application_credential as { id: string; access_rules: [{ id: string }] };
}

async function newTrust({ userId, projectId, domainId }: Place): Promise<{ id: string; target: PolicyTarget }> {
  const trusteeId = await newUser(domainId);
  const trust = {
    trustor_user_id: userId,
    trustee_user_id: trusteeId,
    project_id: projectId,
    impersonation: false,
    roles: [{ name: 'reader' }],
  };
  const token = await tokenOf(userId, { project: { id: projectId } });
  const { id } = (await cloud.call('POST', '/v3/OS-TRUST/trusts', token, { trust })).body.trust;
  const target = { 'trust.trustor_user_id': userId, 'trust.trustee_user_id': trusteeId, 'trust.project_id': projectId };
  return { id, target };
}

const onTrust =
  (method: Method, end = ''): Asking =>
  async (place) => {
    const { id, target } = await newTrust(place);
    return { method, path: `OS-TRUST/trusts/${id}${end}`, target, hides: true };
  };
const onCredential =
  (method: Method, body?: object): Asking =>
  async (place) => ({
    method,
    path: `credentials/${await newCredential(place)}`,
    ...(body ? { body } : {}),
    target: { 'credential.user_id': place.userId },
    hides: true,
  });
const registeredLimit = () => ({ service_id: serviceId, resource_name: unique(), default_limit: 1 });
async function newRegisteredLimit() {
  const body = registeredLimit();
  const answer = await cloud.call('POST', '/v3/registered_limits', admin, { registered_limits: [body] });
  return { ...body, id: String(answer.body.registered_limits[0].id) };
}
async function newLimit({ projectId, domainId }: Place) {
  const { resource_name } = await newRegisteredLimit();
  const limit = { service_id: serviceId, resource_name, resource_limit: 1, project_id: projectId };
  const answer = await cloud.call('POST', '/v3/limits', admin, { limits: [limit] });
  return {
    id: String(answer.body.limits[0].id),
    target: { 'limit.project_id': projectId, 'limit.domain_id': domainId },
  };
}
const onLimit =
  (method: Method, body?: object): Asking =>
  async (place) => {
    const { id, target } = await newLimit(place);
    return { method, path: `limits/${id}`, target, ...(body ? { body } : {}) };
  };
const group = () => ({ name: unique(), filters: { service_id: serviceId } });
const onEndpointGroup = (method: Method, end: object | string = '') =>
  onNew(method, 'OS-EP-FILTER/endpoint_groups', 'endpoint_group', group, end);
const inGroup =
  (method: Method): Asking =>
  async ({ projectId }) => {
    const id = await make('OS-EP-FILTER/endpoint_groups', 'endpoint_group', group());
    const path = `OS-EP-FILTER/endpoint_groups/${id}/projects/${projectId}`;
    if (method !== 'PUT') await cloud.call('PUT', `/v3/${path}`, admin);
    return { method, path };
  };
const inProject =
  (method: Method): Asking =>
  async ({ domainId }) => {
    const path = `OS-EP-FILTER/projects/${await newProject(domainId)}/endpoints/${endpointId}`;
    if (method !== 'PUT') await cloud.call('PUT', `/v3/${path}`, admin);
    return { method, path };
  };
const systemGrant =
  (method: Method, actor: 'user' | 'group', one: boolean): Asking =>
  async ({ domainId }) => {
    const id = actor === 'user' ? await newUser(domainId) : await newGroup(domainId);
    const path = `system/${actor}s/${id}/roles${one ? `/${roles['reader']}` : ''}`;
    if (one && method !== 'PUT') await cloud.call('PUT', `/v3/${path}`, admin);
    return { method, path };
  };
const grant =
  (method: Method, one: boolean): Asking =>
  async (place) => {
    const userId = await newUser(place.domainId);
    const path = `projects/${place.projectId}/users/${userId}/roles${one ? `/${roles['reader']}` : ''}`;
    if (one && method !== 'PUT') await cloud.call('PUT', `/v3/${path}`, admin);
    const target = {
      ...ofGrant({ ...place, userId }),
      ...(one ? {} : { 'role.id': undefined, 'role.name': undefined }),
    };
    return { method, path, target };
  };
const member =
  (method: Method): Asking =>
  async (place) => {
    const userId = await newUser(place.domainId);
    const path = `groups/${place.groupId}/users/${userId}`;
    if (method !== 'PUT') await cloud.call('PUT', `/v3/${path}`, admin);
    return { method, path, target: { ...ofUser({ ...place, userId }), ...ofGroup(place) } };
  };
const implied =
  (method: Method): Asking =>
  async () => {
    const path = `roles/${await newRole()}/implies/${await newRole()}`;
    if (method !== 'PUT') await cloud.call('PUT', `/v3/${path}`, admin);
    return { method, path };
  };
const configured =
  (method: Method): Asking =>
  async () => {
    const path = `domains/${await newDomain()}/config`;
    const body = { config: { identity: { driver: 'x' } } };
    if (method !== 'PUT') await cloud.call('PUT', `/v3/${path}`, admin, body);
    return { method, path, ...(method === 'PUT' || method === 'PATCH' ? { body } : {}) };
  };
const ec2 =
  (method: Method): Asking =>
  async (place) => {
    const path = `users/${place.userId}/credentials/OS-EC2`;
    const target = ofUser(place);
    const body = { tenant_id: place.projectId };
    if (method === 'POST') return { method, path, body, target };
    const { access } = (await cloud.call('POST', `/v3/${path}`, admin, body)).body.credential;
    return { method, path: `${path}/${access}`, target };
  };
const rule = { service: 'image', method: 'GET', path: '/x' };
const signature = { credentials: { access: 'x', signature: 'x', token: 'x' } };

/** Who is asked for is the caller's own domain, where the token is for one: what is in the list is another matter. */
const OWN_DOMAIN = 'own domain' as const;
const lists = (path: string): [Asking, typeof OWN_DOMAIN] => [plain('GET', path), OWN_DOMAIN];

const ASKINGS: Readonly<Record<string, Asking | [Asking, typeof OWN_DOMAIN]>> = {
  'identity:list_revoke_events': plain('GET', 'OS-REVOKE/events'),
  'identity:get_revocation_epoch': plain('GET', 'martlet/revocation-epoch'),
  'identity:get_domain': get((place) => `domains/${place.domainId}`, ofDomain),
  'identity:list_domains': lists('domains'),
  'identity:create_domain': () => ({ method: 'POST', path: 'domains', body: { domain: { name: unique() } } }),
  'identity:update_domain': async () => {
    const id = await newDomain();
    return {
      method: 'PATCH',
      path: `domains/${id}`,
      body: { domain: { description: 'x' } },
      target: { 'domain.id': id },
    };
  },
  'identity:delete_domain': async () => {
    const id = await newDomain(false);
    return { method: 'DELETE', path: `domains/${id}`, target: { 'domain.id': id } };
  },
  'identity:get_project': get((place) => `projects/${place.projectId}`, ofProject),
  'identity:list_projects': lists('projects'),
  'identity:create_project': (place) => ({
    method: 'POST',
    path: 'projects',
    body: { project: { name: unique(), domain_id: place.domainId } },
    target: { 'project.domain_id': place.domainId },
  }),
  'identity:update_project': (place) => ({
    method: 'PATCH',
    path: `projects/${place.projectId}`,
    body: { project: { description: 'x' } },
    target: ofProject(place),
  }),
  'identity:delete_project': async (place) => {
    const projectId = await newProject(place.domainId);
    return { method: 'DELETE', path: `projects/${projectId}`, target: ofProject({ ...place, projectId }) };
  },
  'identity:get_user': get((place) => `users/${place.userId}`, ofUser),
  'identity:list_users': lists('users'),
  'identity:create_user': (place) => ({
    method: 'POST',
    path: 'users',
    body: { user: { name: unique(), domain_id: place.domainId } },
    target: { 'user.domain_id': place.domainId },
  }),
  'identity:update_user': (place) => ({
    method: 'PATCH',
    path: `users/${place.userId}`,
    body: { user: { description: 'x' } },
    target: ofUser(place),
  }),
  'identity:delete_user': async (place) => {
    const userId = await newUser(place.domainId);
    return { method: 'DELETE', path: `users/${userId}`, target: ofUser({ ...place, userId }) };
  },
  'identity:list_user_projects': get((place) => `users/${place.userId}/projects`, ofUser),
  'identity:get_group': get((place) => `groups/${place.groupId}`, ofGroup),
  'identity:list_groups': lists('groups'),
  'identity:list_groups_for_user': get((place) => `users/${place.userId}/groups`, ofUser),
  'identity:list_users_in_group': get((place) => `groups/${place.groupId}/users`, ofGroup),
  'identity:check_user_in_group': member('GET'),
  'identity:add_user_to_group': member('PUT'),
  'identity:remove_user_from_group': member('DELETE'),
  'identity:create_group': (place) => ({
    method: 'POST',
    path: 'groups',
    body: { group: { name: unique(), domain_id: place.domainId } },
    target: { 'group.domain_id': place.domainId },
  }),
  'identity:update_group': (place) => ({
    method: 'PATCH',
    path: `groups/${place.groupId}`,
    body: { group: { description: 'x' } },
    target: ofGroup(place),
  }),
  'identity:delete_group': async (place) => {
    const groupId = await newGroup(place.domainId);
    return { method: 'DELETE', path: `groups/${groupId}`, target: ofGroup({ ...place, groupId }) };
  },
  'identity:get_role': get(() => `roles/${roles['reader']}`, reader),
  'identity:list_roles': plain('GET', 'roles'),
  'identity:create_role': () => ({ method: 'POST', path: 'roles', body: { role: { name: unique() } } }),
  'identity:update_role': onNew('PATCH', 'roles', 'role', () => ({ name: unique() }), { description: 'x' }),
  'identity:delete_role': onNew('DELETE', 'roles', 'role', () => ({ name: unique() })),
  'identity:list_role_inference_rules': plain('GET', 'role_inferences'),
  'identity:list_implied_roles': get(() => `roles/${roles['member']}/implies`),
  'identity:get_implied_role': implied('GET'),
  'identity:check_implied_role': implied('HEAD'),
  'identity:create_implied_role': implied('PUT'),
  'identity:delete_implied_role': implied('DELETE'),
  'identity:check_grant': grant('GET', true),
  'identity:list_grants': grant('GET', false),
  'identity:create_grant': grant('PUT', true),
  'identity:revoke_grant': grant('DELETE', true),
  'identity:list_system_grants_for_user': systemGrant('GET', 'user', false),
  'identity:check_system_grant_for_user': systemGrant('GET', 'user', true),
  'identity:create_system_grant_for_user': systemGrant('PUT', 'user', true),
  'identity:revoke_system_grant_for_user': systemGrant('DELETE', 'user', true),
  'identity:list_system_grants_for_group': systemGrant('GET', 'group', false),
  'identity:check_system_grant_for_group': systemGrant('GET', 'group', true),
  'identity:create_system_grant_for_group': systemGrant('PUT', 'group', true),
  'identity:revoke_system_grant_for_group': systemGrant('DELETE', 'group', true),
  'identity:list_role_assignments': lists('role_assignments'),
  'identity:get_application_credential': async (place) => {
    const { id } = await newApplicationCredential(place);
    return { method: 'GET', path: `users/${place.userId}/application_credentials/${id}`, target: ofUser(place) };
  },
  'identity:list_application_credentials': get((place) => `users/${place.userId}/application_credentials`, ofUser),
  'identity:create_application_credential': (place) => ({
    method: 'POST',
    path: `users/${place.userId}/application_credentials`,
    body: { application_credential: { name: unique(), access_rules: [rule] } },
    target: ofUser(place),
  }),
  'identity:delete_application_credential': async (place) => {
    const { id } = await newApplicationCredential(place);
    return { method: 'DELETE', path: `users/${place.userId}/application_credentials/${id}`, target: ofUser(place) };
  },
  'identity:get_access_rule': async (place) => {
    const { access_rules: rules } = await newApplicationCredential(place);
    return { method: 'GET', path: `users/${place.userId}/access_rules/${rules[0].id}`, target: ofUser(place) };
  },
  'identity:list_access_rules': get((place) => `users/${place.userId}/access_rules`, ofUser),
  'identity:delete_access_rule': async (place) => {
    const { id, access_rules: rules } = await newApplicationCredential(place);
    await cloud.call('DELETE', `/v3/users/${place.userId}/application_credentials/${id}`, admin);
    return { method: 'DELETE', path: `users/${place.userId}/access_rules/${rules[0].id}`, target: ofUser(place) };
  },
  'identity:create_trust': (place) => ({
    method: 'POST',
    path: 'OS-TRUST/trusts',
    body: {
      trust: {
        trustor_user_id: place.userId,
        trustee_user_id: place.userId,
        project_id: place.projectId,
        impersonation: false,
        roles: [{ name: 'reader' }],
      },
    },
    target: { 'trust.trustor_user_id': place.userId },
  }),
  'identity:list_trusts': plain('GET', 'OS-TRUST/trusts'),
  'identity:list_trusts_for_trustor': get(
    (place) => `OS-TRUST/trusts?trustor_user_id=${place.userId}`,
    (place) => ({ 'trust.trustor_user_id': place.userId }),
  ),
  'identity:list_trusts_for_trustee': get(
    (place) => `OS-TRUST/trusts?trustee_user_id=${place.userId}`,
    (place) => ({ 'trust.trustee_user_id': place.userId }),
  ),
  'identity:get_trust': onTrust('GET'),
  'identity:list_roles_for_trust': onTrust('GET', '/roles'),
  'identity:get_role_for_trust': async (place) => onTrust('GET', `/roles/${roles['reader']}`)(place),
  'identity:delete_trust': onTrust('DELETE'),
  'identity:create_credential': (place) => ({
    method: 'POST',
    path: 'credentials',
    body: { credential: { type: 'cert', blob: 'x', user_id: place.userId } },
    target: { 'credential.user_id': place.userId },
  }),
  'identity:list_credentials': plain('GET', 'credentials'),
  'identity:get_credential': onCredential('GET'),
  'identity:update_credential': onCredential('PATCH', { credential: { blob: 'y' } }),
  'identity:delete_credential': onCredential('DELETE'),
  'identity:ec2_create_credential': ec2('POST'),
  'identity:ec2_list_credentials': get((place) => `users/${place.userId}/credentials/OS-EC2`, ofUser),
  'identity:ec2_get_credential': ec2('GET'),
  'identity:ec2_delete_credential': ec2('DELETE'),
  'identity:ec2tokens': plain('POST', 'ec2tokens', { credentials: { access: 'x', signature: 'x' } }),
  'identity:s3tokens': plain('POST', 's3tokens', signature),
  'identity:get_limit_model': plain('GET', 'limits/model'),
  'identity:list_registered_limits': plain('GET', 'registered_limits'),
  'identity:get_registered_limit': async () => ({
    method: 'GET',
    path: `registered_limits/${(await newRegisteredLimit()).id}`,
  }),
  'identity:create_registered_limits': () => ({
    method: 'POST',
    path: 'registered_limits',
    body: { registered_limits: [registeredLimit()] },
  }),
  'identity:update_registered_limit': async () => ({
    method: 'PATCH',
    path: `registered_limits/${(await newRegisteredLimit()).id}`,
    body: { registered_limit: { default_limit: 2 } },
  }),
  'identity:delete_registered_limit': async () => ({
    method: 'DELETE',
    path: `registered_limits/${(await newRegisteredLimit()).id}`,
  }),
  'identity:list_limits': plain('GET', 'limits'),
  'identity:get_limit': onLimit('GET'),
  'identity:create_limits': async ({ projectId }) => {
    const { resource_name } = await newRegisteredLimit();
    const limit = { service_id: serviceId, resource_name, resource_limit: 1, project_id: projectId };
    return { method: 'POST', path: 'limits', body: { limits: [limit] } };
  },
  'identity:update_limit': onLimit('PATCH', { limit: { resource_limit: 2 } }),
  'identity:delete_limit': onLimit('DELETE'),
  'identity:create_endpoint_group': () => ({
    method: 'POST',
    path: 'OS-EP-FILTER/endpoint_groups',
    body: { endpoint_group: group() },
  }),
  'identity:list_endpoint_groups': plain('GET', 'OS-EP-FILTER/endpoint_groups'),
  'identity:get_endpoint_group': onEndpointGroup('GET'),
  'identity:update_endpoint_group': onEndpointGroup('PATCH', { description: 'x' }),
  'identity:delete_endpoint_group': onEndpointGroup('DELETE'),
  'identity:list_projects_associated_with_endpoint_group': onEndpointGroup('GET', '/projects'),
  'identity:list_endpoints_associated_with_endpoint_group': onEndpointGroup('GET', '/endpoints'),
  'identity:get_endpoint_group_in_project': inGroup('GET'),
  'identity:add_endpoint_group_to_project': inGroup('PUT'),
  'identity:remove_endpoint_group_from_project': inGroup('DELETE'),
  'identity:list_endpoint_groups_for_project': get(
    (place) => `OS-EP-FILTER/projects/${place.projectId}/endpoint_groups`,
  ),
  'identity:list_projects_for_endpoint': get(() => `OS-EP-FILTER/endpoints/${endpointId}/projects`),
  'identity:list_endpoints_for_project': get((place) => `OS-EP-FILTER/projects/${place.projectId}/endpoints`),
  'identity:check_endpoint_in_project': inProject('GET'),
  'identity:add_endpoint_to_project': inProject('PUT'),
  'identity:remove_endpoint_from_project': inProject('DELETE'),
  'identity:create_policy': plain('POST', 'policies', { policy: { type: 'x', blob: 'x' } }),
  'identity:list_policies': plain('GET', 'policies'),
  'identity:get_policy': onNew('GET', 'policies', 'policy', () => ({ type: 'x', blob: 'x' })),
  'identity:update_policy': onNew('PATCH', 'policies', 'policy', () => ({ type: 'x', blob: 'x' }), { blob: 'y' }),
  'identity:delete_policy': onNew('DELETE', 'policies', 'policy', () => ({ type: 'x', blob: 'x' })),
  'identity:create_consumer': plain('POST', 'OS-OAUTH1/consumers', { consumer: {} }),
  'identity:list_consumers': plain('GET', 'OS-OAUTH1/consumers'),
  'identity:get_consumer': onNew('GET', 'OS-OAUTH1/consumers', 'consumer', () => ({})),
  'identity:update_consumer': onNew('PATCH', 'OS-OAUTH1/consumers', 'consumer', () => ({}), { description: 'x' }),
  'identity:delete_consumer': onNew('DELETE', 'OS-OAUTH1/consumers', 'consumer', () => ({})),
  'identity:create_domain_config': configured('PUT'),
  'identity:get_domain_config': configured('GET'),
  'identity:get_domain_config_default': plain('GET', 'domains/config/default'),
  'identity:update_domain_config': configured('PATCH'),
  'identity:delete_domain_config': configured('DELETE'),
  'identity:list_regions': plain('GET', 'regions'),
  'identity:get_region': plain('GET', 'regions/RegionOne'),
  'identity:create_region': plain('POST', 'regions', { region: {} }),
  'identity:update_region': onNew('PATCH', 'regions', 'region', () => ({}), { description: 'x' }),
  'identity:delete_region': onNew('DELETE', 'regions', 'region', () => ({})),
  'identity:list_services': plain('GET', 'services'),
  'identity:get_service': get(() => `services/${serviceId}`),
  'identity:create_service': plain('POST', 'services', { service: { type: 'x' } }),
  'identity:update_service': onNew('PATCH', 'services', 'service', () => ({ type: 'x' }), { name: 'x' }),
  'identity:delete_service': onNew('DELETE', 'services', 'service', () => ({ type: 'x' })),
  'identity:list_endpoints': plain('GET', 'endpoints'),
  'identity:get_endpoint': get(() => `endpoints/${endpointId}`),
  'identity:create_endpoint': () => ({ method: 'POST', path: 'endpoints', body: { endpoint: endpoint() } }),
  'identity:update_endpoint': onNew('PATCH', 'endpoints', 'endpoint', () => endpoint(), { name: 'x' }),
  'identity:delete_endpoint': onNew('DELETE', 'endpoints', 'endpoint', () => endpoint()),
};
const endpoint = () => ({ service_id: serviceId, interface: 'public', url: 'http://x' });

/** Asked about with a second token, so they have tests of their own: tokens.test.ts, revocation.test.ts. */
const ELSEWHERE = ['identity:validate_token', 'identity:validate_expired_token', 'identity:revoke_token'];

/** Asked here with a signature that nobody made. */
const SIGNATURES = new Set(['identity:ec2tokens', 'identity:s3tokens']);

const actions = Object.keys(identityPolicy).filter((name) => name.startsWith('identity:'));

describe('every action of identity, by every persona, on their own and on others’', () => {
  it('is asked for here: none is missing, none is too many', () => {
    expect([...Object.keys(ASKINGS), ...ELSEWHERE].sort()).toEqual(actions.toSorted());
  });

  it.each(Object.keys(ASKINGS))('%s is allowed to whom the rules allow it', async (action) => {
    const entry = ASKINGS[action];
    if (!entry) throw new Error(action);
    const [asking, list] = Array.isArray(entry) ? entry : [entry, undefined];
    const wrong: string[] = [];
    for (const [where, place] of Object.entries(people.places)) {
      for (const { name, token, identity } of people.personas) {
        const { method, path, body, target = {}, hides } = await asking(place);
        const { scope } = identity;
        const listTarget = scope.kind === 'domain' ? { 'domain.id': scope.domain.id } : {};
        const expected = policy.allows(action, identity, list ? listTarget : target);
        const { status } = await cloud.call(method, `/v3/${path}`, token, body);
        const refused = status === 403 || (hides === true && status === 404);
        const succeeds = status < 400 || SIGNATURES.has(action);
        if (expected ? refused || !succeeds : !refused)
          wrong.push(`${name}, ${where}: ${status}, allowed: ${expected}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
