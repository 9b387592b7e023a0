import { InvariantError } from '../common/errors.ts';
import type { KeyValueStore } from '../common/kv/contract.ts';
import { ConflictError, commitChanges } from '../common/kv/table.ts';
import { DEFAULT_DOMAIN_ID } from './actions/domains.ts';
import { newId } from './actions/named.ts';
import type { AuthConfig } from './config.ts';
import { hashPassword } from './passwords/scrypt.ts';
import { assignmentOf } from './store/assignments.ts';
import type { Extra } from './store/records.ts';
import { SYSTEM_ID } from './store/records.ts';
import { createTables, nameKey, type Tables } from './store/tables.ts';

export interface BootstrapDeps {
  store: KeyValueStore;
  config: AuthConfig;
}

export interface BootstrapSpec {
  adminPassword: string;
  demoPassword: string;
  /** Password of each service user. */
  servicePasswords: Readonly<Record<keyof typeof SERVICE_USERS, string>>;
}

export interface BootstrappedCloud {
  projectIds: { admin: string; service: string; demo: string };
}

const ROLES = ['admin', 'manager', 'member', 'reader', 'service', 'ResellerAdmin'] as const;
type RoleName = (typeof ROLES)[number];
const IMPLIED: readonly [RoleName, RoleName][] = [
  ['admin', 'manager'],
  ['manager', 'member'],
  ['member', 'reader'],
];

/**
 * The services' own users and their roles on project `service`. `service` lets each validate tokens and be believed as the
 * service that passes a request on.
 */
const SERVICE_USERS = {
  /** The object proxy only asks who calls. */
  swift: ['service'],
  /** Keeps image data in its own project's account, as any member may. */
  glance: ['service', 'member'],
  /** Asks compute about attachments of every project before it lets one go, and cleans up when no user is present. */
  cinder: ['service', 'admin'],
  /** Resumes attaching and detaching volumes of every project after a restart, when no user is present. */
  nova: ['service', 'admin'],
} as const satisfies Readonly<Record<string, readonly RoleName[]>>;

/**
 * Makes what an empty cloud needs to be used: domain `default`, projects, roles, the administrator, a demo user and the services'
 * users. What is there already stays as it is, passwords included, so a bootstrap that a crash interrupted is run again.
 */
export async function bootstrapCloud(deps: BootstrapDeps, spec: BootstrapSpec): Promise<BootstrappedCloud> {
  const cloud = new CloudMaker(deps);
  await cloud.domain();
  const projectIds = {
    admin: await cloud.project('admin', 'Bootstrap project for initializing the cloud.'),
    service: await cloud.project('service', 'The users of the services themselves.'),
    demo: await cloud.project('demo', 'A project to try things in.'),
  };
  for (const role of ROLES) await cloud.role(role);
  for (const [prior, implied] of IMPLIED) await cloud.implies(prior, implied);
  await cloud.region(deps.config.region);

  const people: NewUser[] = [
    { name: 'admin', password: spec.adminPassword, projectId: projectIds.admin, roles: ['admin'] },
    { name: 'demo', password: spec.demoPassword, projectId: projectIds.demo, roles: ['member'] },
  ];
  const services = Object.entries(SERVICE_USERS).map(([name, roles]): NewUser => {
    const password = spec.servicePasswords[name as keyof typeof SERVICE_USERS];
    // Services log in when they are needed, which may be seldom.
    return { name, password, projectId: projectIds.service, roles, options: { ignore_user_inactivity: true } };
  });
  await cloud.users([...people, ...services]);
  await cloud.give('admin', 'admin', { kind: 'system', id: SYSTEM_ID });
  return { projectIds };
}

interface NewUser {
  name: string;
  password: string;
  projectId: string;
  roles: readonly RoleName[];
  options?: Extra;
}

/** Makes each thing unless it is there. */
class CloudMaker {
  private readonly store: KeyValueStore;
  private readonly tables: Tables;
  private readonly passwordCost: number;

  constructor({ store, config }: BootstrapDeps) {
    this.store = store;
    this.tables = createTables(store);
    this.passwordCost = config.password_hash_cost;
  }

  async domain(): Promise<void> {
    if (await this.tables.projects.get(DEFAULT_DOMAIN_ID)) return;
    await commitChanges(
      this.store,
      this.tables.projects.insert({
        id: DEFAULT_DOMAIN_ID,
        name: 'Default',
        domainId: null,
        parentId: null,
        isDomain: true,
        enabled: true,
        description: 'The default domain',
        tags: [],
        options: {},
        extra: {},
        tokensNotBeforeMs: 0,
      }),
    );
  }

  async project(name: string, description: string): Promise<string> {
    const found = await this.tables.projects.findBy('name', nameKey(DEFAULT_DOMAIN_ID, name));
    if (found) return found.record.id;
    const id = newId();
    await commitChanges(
      this.store,
      this.tables.projects.insert({
        id,
        name,
        domainId: DEFAULT_DOMAIN_ID,
        parentId: DEFAULT_DOMAIN_ID,
        isDomain: false,
        enabled: true,
        description,
        tags: [],
        options: {},
        extra: {},
        tokensNotBeforeMs: 0,
      }),
    );
    return id;
  }

  async role(name: RoleName): Promise<void> {
    if (await this.tables.roles.findBy('name', nameKey(null, name))) return;
    const record = { id: newId(), name, domainId: null, description: null, options: { immutable: true }, extra: {} };
    await commitChanges(this.store, this.tables.roles.insert(record));
  }

  async implies(prior: RoleName, implied: RoleName): Promise<void> {
    const [priorId, impliedId] = [await this.roleId(prior), await this.roleId(implied)];
    await this.unlessThere(this.tables.impliedRoles.insert({ id: `${priorId}/${impliedId}`, priorId, impliedId }));
  }

  async region(id: string): Promise<void> {
    await this.unlessThere(this.tables.regions.insert({ id, description: '', parentId: null, extra: {} }));
  }

  /** Hashes side by side, for nobody else needs the threads yet; then writes one after the other. */
  async users(users: readonly NewUser[]): Promise<void> {
    const hashes = await Promise.all(users.map((user) => this.hashUnlessThere(user)));
    for (const [index, user] of users.entries()) await this.user(user, hashes[index]);
  }

  private async hashUnlessThere({ name, password }: NewUser): Promise<string | undefined> {
    if (await this.tables.users.findBy('name', nameKey(DEFAULT_DOMAIN_ID, name))) return undefined;
    return hashPassword(password, this.passwordCost);
  }

  /** @param passwordHash undefined for a user who is there already. */
  private async user(
    { name, projectId, roles, options = {} }: NewUser,
    passwordHash: string | undefined,
  ): Promise<void> {
    if (passwordHash !== undefined) {
      await commitChanges(
        this.store,
        this.tables.users.insert({
          id: newId(),
          name,
          domainId: DEFAULT_DOMAIN_ID,
          enabled: true,
          description: null,
          defaultProjectId: projectId,
          passwordHash,
          passwordChangedMs: null,
          options,
          extra: {},
          tokensNotBeforeMs: 0,
        }),
      );
    }
    for (const role of roles) await this.give(name, role, { kind: 'project', id: projectId });
  }

  async give(userName: string, role: RoleName, target: { kind: 'project' | 'system'; id: string }): Promise<void> {
    const user = await this.tables.users.findBy('name', nameKey(DEFAULT_DOMAIN_ID, userName));
    if (!user) throw new InvariantError(`bootstrap: user ${userName} is not there`);
    const assignment = assignmentOf({
      actorKind: 'user',
      actorId: user.record.id,
      targetKind: target.kind,
      targetId: target.id,
      roleId: await this.roleId(role),
    });
    await this.unlessThere(this.tables.assignments.insert(assignment));
  }

  private async roleId(name: RoleName): Promise<string> {
    const role = await this.tables.roles.findBy('name', nameKey(null, name));
    if (!role) throw new InvariantError(`bootstrap: role ${name} is not there`);
    return role.record.id;
  }

  private async unlessThere(change: Parameters<typeof commitChanges>[1]): Promise<void> {
    try {
      await commitChanges(this.store, change);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
}
