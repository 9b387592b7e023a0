import type { KeyValueStore } from '../../common/kv/contract.ts';
import { Table } from '../../common/kv/table.ts';
import { AssignmentTable } from './assignments.ts';
import type { EndpointAssociationRecord, EndpointGroupRecord } from './catalog-filter-records.ts';
import type { LimitRecord, RegisteredLimitRecord } from './limit-records.ts';
import { MembershipTable } from './memberships.ts';
import type {
  AccessRuleRecord,
  ApplicationCredentialRecord,
  ConsumerRecord,
  CredentialRecord,
  DomainConfigRecord,
  EndpointRecord,
  GroupRecord,
  ImpliedRoleRecord,
  LoginFailuresRecord,
  ProjectRecord,
  RegionRecord,
  RemovalRecord,
  RevocationRecord,
  RoleRecord,
  ServiceRecord,
  StoredPolicyRecord,
  TotpUseRecord,
  TrustRecord,
  UserRecord,
} from './records.ts';

/** Unique text of a name within a domain; domains and the cloud's roles are named in a space of their own. */
export function nameKey(domainId: string | null, name: string): string {
  return `${domainId ?? ''}/${name}`;
}

const byName = {
  name: ({ domainId, name }: { domainId: string | null; name: string }) => nameKey(domainId, name),
};

/** Every kind of record that identity keeps. */
export function createTables(store: KeyValueStore) {
  return {
    projects: new Table<ProjectRecord>(store, { name: 'auth-projects', unique: byName }),
    users: new Table<UserRecord>(store, { name: 'auth-users', unique: byName }),
    groups: new Table<GroupRecord>(store, { name: 'auth-groups', unique: byName }),
    roles: new Table<RoleRecord>(store, { name: 'auth-roles', unique: byName }),
    impliedRoles: new Table<ImpliedRoleRecord>(store, { name: 'auth-implied-roles' }),
    assignments: new AssignmentTable(store),
    memberships: new MembershipTable(store),
    revocations: new Table<RevocationRecord>(store, { name: 'auth-revocations' }),
    regions: new Table<RegionRecord>(store, { name: 'auth-regions' }),
    services: new Table<ServiceRecord>(store, { name: 'auth-services' }),
    endpoints: new Table<EndpointRecord>(store, { name: 'auth-endpoints' }),
    applicationCredentials: new Table<ApplicationCredentialRecord>(store, {
      name: 'auth-application-credentials',
      unique: {
        name: ({ userId, name }) => `${userId}/${name}`,
        user: ({ userId, id }) => `${userId}/${id}`,
        project: ({ projectId, id }) => `${projectId}/${id}`,
      },
    }),
    accessRules: new Table<AccessRuleRecord>(store, {
      name: 'auth-access-rules',
      unique: {
        user: ({ userId, id }) => `${userId}/${id}`,
        content: ({ userId, service, method, path }) => `${userId}/${service}/${method}/${path}`,
      },
    }),
    trusts: new Table<TrustRecord>(store, {
      name: 'auth-trusts',
      unique: {
        trustor: ({ trustorId, id }) => `${trustorId}/${id}`,
        trustee: ({ trusteeId, id }) => `${trusteeId}/${id}`,
        project: ({ projectId, id }) => `${projectId}/${id}`,
        parent: ({ redelegatedTrustId, id }) =>
          redelegatedTrustId === null ? undefined : `${redelegatedTrustId}/${id}`,
      },
    }),
    credentials: new Table<CredentialRecord>(store, {
      name: 'auth-credentials',
      unique: {
        user: ({ userId, id }) => `${userId}/${id}`,
        project: ({ projectId, id }) => (projectId === null ? undefined : `${projectId}/${id}`),
      },
    }),
    endpointGroups: new Table<EndpointGroupRecord>(store, { name: 'auth-endpoint-groups' }),
    endpointAssociations: new Table<EndpointAssociationRecord>(store, {
      name: 'auth-endpoint-associations',
      unique: { member: ({ kind, memberId, projectId, id }) => `${kind}/${memberId}/${projectId}/${id}` },
    }),
    registeredLimits: new Table<RegisteredLimitRecord>(store, {
      name: 'auth-registered-limits',
      unique: { resource: ({ serviceId, regionId, resourceName }) => `${serviceId}/${regionId ?? ''}/${resourceName}` },
    }),
    limits: new Table<LimitRecord>(store, {
      name: 'auth-limits',
      unique: {
        owner: ({ projectId, domainId, registeredLimitId }) => `${projectId ?? domainId}/${registeredLimitId}`,
        registered: ({ registeredLimitId, id }) => `${registeredLimitId}/${id}`,
      },
    }),
    storedPolicies: new Table<StoredPolicyRecord>(store, { name: 'auth-stored-policies' }),
    consumers: new Table<ConsumerRecord>(store, { name: 'auth-consumers' }),
    domainConfigs: new Table<DomainConfigRecord>(store, { name: 'auth-domain-configs' }),
    loginFailures: new Table<LoginFailuresRecord>(store, { name: 'auth-login-failures' }),
    totpUses: new Table<TotpUseRecord>(store, { name: 'auth-totp-uses' }),
    removals: new Table<RemovalRecord>(store, { name: 'auth-removals' }),
  };
}

export type Tables = ReturnType<typeof createTables>;
