import type { Identity } from '../../../auth/guard/contract.ts';
import { PASSWORDS, projectScope, TestCloud } from './test-cloud.ts';

/** A domain with what is in it. The user is a member of the project. */
export interface Place {
  domainId: string;
  projectId: string;
  userId: string;
  groupId: string;
}

/** Somebody with a role somewhere, logged in. */
export interface Persona {
  name: string;
  token: string;
  identity: Identity;
}

const PASSWORD = 'pw';

/** A cloud with two places, and everybody whom OpenStack's default roles and scopes make of a user of the first. */
export class PersonaCloud {
  readonly cloud: TestCloud;
  readonly personas: Persona[] = [];
  /** Of the administrator. */
  admin = '';
  /** Ids by name. */
  roles: Record<string, string> = {};
  places: { own: Place; other: Place } = { own: NOWHERE, other: NOWHERE };
  private made = 0;
  /** Tokens by user, for `ownerOf`. */
  private readonly owners = new Map<string, Promise<string>>();

  private constructor(cloud: TestCloud) {
    this.cloud = cloud;
  }

  static async start(): Promise<PersonaCloud> {
    const people = new PersonaCloud(await TestCloud.start());
    const { cloud } = people;
    people.admin = await cloud.adminToken();
    const listed = (await cloud.call('GET', '/v3/roles', people.admin)).body.roles as { id: string; name: string }[];
    people.roles = Object.fromEntries(listed.map(({ id, name }) => [name, id]));
    people.places = { own: await people.newPlace(), other: await people.newPlace() };
    await people.addEverybody();
    return people;
  }

  stop(): Promise<void> {
    return this.cloud.stop();
  }

  unique(): string {
    this.made += 1;
    return `thing-${this.made}`;
  }

  /** @returns the id of a new resource. */
  async make(path: string, key: string, body: object): Promise<string> {
    const answer = await this.cloud.call('POST', `/v3/${path}`, this.admin, { [key]: body });
    if (answer.status !== 201) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body[key].id;
  }

  newUser(domainId: string): Promise<string> {
    return this.make('users', 'user', { name: this.unique(), domain_id: domainId, password: PASSWORD });
  }

  newGroup(domainId: string): Promise<string> {
    return this.make('groups', 'group', { name: this.unique(), domain_id: domainId });
  }

  newProject(domainId: string): Promise<string> {
    return this.make('projects', 'project', { name: this.unique(), domain_id: domainId });
  }

  newDomain(enabled = true): Promise<string> {
    return this.make('domains', 'domain', { name: this.unique(), enabled });
  }

  /** A token of a user that this made. */
  async tokenOf(userId: string, scope?: object): Promise<string> {
    const proof = { methods: ['password'], password: { user: { id: userId, password: PASSWORD } } };
    const answer = await this.cloud.logIn(proof, scope);
    if (answer.status !== 201) throw new Error(`login answered ${answer.status}`);
    return String(answer.headers['x-subject-token']);
  }

  /** A token of the place's own user, for its project. */
  ownerOf({ userId, projectId }: Place): Promise<string> {
    const token = this.owners.get(userId) ?? this.tokenOf(userId, { project: { id: projectId } });
    this.owners.set(userId, token);
    return token;
  }

  /** Somebody new of the first place, with a role on `projects/<id>`, `domains/<id>` or `system`. */
  async addPersonaWith(role: string, target: string, scope: object): Promise<void> {
    const id = await this.newUser(this.places.own.domainId);
    await this.cloud.call('PUT', `/v3/${target}/users/${id}/roles/${this.roles[role]}`, this.admin);
    await this.addPersona(`${role} of ${target.split('/')[0]}`, await this.tokenOf(id, scope));
  }

  async addPersona(name: string, token: string): Promise<void> {
    const identity = await this.cloud.service.verifier.verify(token);
    if (!identity) throw new Error(`${name} has no token`);
    this.personas.push({ name, token, identity });
  }

  private async newPlace(): Promise<Place> {
    const domainId = await this.newDomain();
    const projectId = await this.newProject(domainId);
    const userId = await this.newUser(domainId);
    const groupId = await this.newGroup(domainId);
    await this.cloud.call('PUT', `/v3/projects/${projectId}/users/${userId}/roles/${this.roles['member']}`, this.admin);
    return { domainId, projectId, userId, groupId };
  }

  private async addEverybody(): Promise<void> {
    const { domainId, projectId, userId } = this.places.own;
    const project = { project: { id: projectId } };
    const domain = { domain: { id: domainId } };
    const system = { system: { all: true } };
    await this.addPersona('the administrator', this.admin);
    await this.addPersona('a service', await this.cloud.token('glance', PASSWORDS.service, projectScope('service')));
    await this.addPersona('the user itself', await this.tokenOf(userId, project));
    for (const role of ['reader', 'member', 'manager'])
      await this.addPersonaWith(role, `projects/${projectId}`, project);
    for (const role of ['reader', 'member', 'manager', 'admin'])
      await this.addPersonaWith(role, `domains/${domainId}`, domain);
    for (const role of ['reader', 'admin']) await this.addPersonaWith(role, 'system', system);
  }
}

const NOWHERE: Place = { domainId: '', projectId: '', userId: '', groupId: '' };

/** The project that somebody's token is for. */
export function projectOf({ identity: { scope } }: Persona): string | undefined {
  return scope.kind === 'project' ? scope.project.id : undefined;
}
