import { expiryOf } from '../actions/token-state.ts';
import { isUserEnabled } from '../actions/user-activity.ts';
import type { AuthContext } from '../context.ts';
import type {
  EndpointRecord,
  GroupRecord,
  ProjectRecord,
  RegionRecord,
  RoleRecord,
  ServiceRecord,
  UserRecord,
} from '../store/records.ts';

/** Records as the API shows them. Extra attributes come first: none of them can stand for one of ours. Spec: Identity API v3. */

function linksOf(publicUrl: string, collection: string, id: string) {
  return { links: { self: `${publicUrl}/v3/${collection}/${encodeURIComponent(id)}` } };
}

export function renderProject(publicUrl: string, project: ProjectRecord) {
  return {
    ...project.extra,
    id: project.id,
    name: project.name,
    domain_id: project.domainId,
    parent_id: project.parentId,
    is_domain: project.isDomain,
    enabled: project.enabled,
    description: project.description,
    tags: project.tags,
    options: project.options,
    ...linksOf(publicUrl, 'projects', project.id),
  };
}

export function renderDomain(publicUrl: string, domain: ProjectRecord) {
  return {
    ...domain.extra,
    id: domain.id,
    name: domain.name,
    enabled: domain.enabled,
    description: domain.description,
    tags: domain.tags,
    options: domain.options,
    ...linksOf(publicUrl, 'domains', domain.id),
  };
}

export function renderUser(context: AuthContext, user: UserRecord) {
  const { publicUrl, passwordRules } = context;
  return {
    ...user.extra,
    id: user.id,
    name: user.name,
    domain_id: user.domainId,
    enabled: isUserEnabled(context, user),
    ...(user.description === null ? {} : { description: user.description }),
    ...(user.defaultProjectId === null ? {} : { default_project_id: user.defaultProjectId }),
    password_expires_at: expiryOf(passwordRules, user),
    options: user.options,
    ...linksOf(publicUrl, 'users', user.id),
  };
}

export function renderGroup(publicUrl: string, group: GroupRecord) {
  return {
    ...group.extra,
    id: group.id,
    name: group.name,
    domain_id: group.domainId,
    description: group.description,
    ...linksOf(publicUrl, 'groups', group.id),
  };
}

export function renderRole(publicUrl: string, role: RoleRecord) {
  return {
    ...role.extra,
    id: role.id,
    name: role.name,
    domain_id: role.domainId,
    description: role.description,
    options: role.options,
    ...linksOf(publicUrl, 'roles', role.id),
  };
}

export function renderRegion(publicUrl: string, region: RegionRecord) {
  return {
    ...region.extra,
    id: region.id,
    description: region.description,
    parent_region_id: region.parentId,
    ...linksOf(publicUrl, 'regions', region.id),
  };
}

export function renderService(publicUrl: string, service: ServiceRecord) {
  return {
    ...service.extra,
    id: service.id,
    type: service.type,
    name: service.name,
    enabled: service.enabled,
    ...(service.description === null ? {} : { description: service.description }),
    ...linksOf(publicUrl, 'services', service.id),
  };
}

export function renderEndpoint(publicUrl: string, endpoint: EndpointRecord) {
  return {
    ...endpoint.extra,
    id: endpoint.id,
    service_id: endpoint.serviceId,
    interface: endpoint.interface,
    region: endpoint.regionId,
    region_id: endpoint.regionId,
    url: endpoint.url,
    enabled: endpoint.enabled,
    ...(endpoint.name === null ? {} : { name: endpoint.name }),
    ...linksOf(publicUrl, 'endpoints', endpoint.id),
  };
}
