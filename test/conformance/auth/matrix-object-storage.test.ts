import { Value } from '@sinclair/typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proxyConfig } from '../../../proxy/config.ts';
import { Supply } from '../../support/auth/matrix.ts';
import { type Persona, PersonaCloud, type Place, projectOf } from '../../support/auth/personas.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

/** What a container says of others than its account's own people. */
const ACLS = ['none', 'read for a project', 'write for a project', 'read for everybody'] as const;
type Acl = (typeof ACLS)[number];

/** Object storage has no policy language: which roles may do what is configuration, and containers' own lists add to it. */
const { operator_roles: operators, reader_roles: readers, reseller_admin_role: reseller } = Value.Create(proxyConfig);

let people: PersonaCloud;
let swift: FakeSwift;
const supply = new Supply();

beforeAll(async () => {
  people = await PersonaCloud.start();
  const { projectId } = people.places.own;
  await people.addPersonaWith(reseller, `projects/${projectId}`, { project: { id: projectId } });
  swift = await FakeSwift.start({ deps: { verifier: people.cloud.service.verifier } });
});
afterAll(async () => {
  await swift.stop();
  await people.stop();
});

interface Sent {
  token: string | undefined;
  headers?: Record<string, string>;
  body?: string;
}

async function send(method: string, place: Place, path: string, { token, headers = {}, body }: Sent) {
  const response = await fetch(`${swift.url}/v1/AUTH_${place.projectId}${path}`, {
    method,
    headers: { ...headers, ...(token !== undefined && { 'x-auth-token': token }) },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, text: await response.text() };
}

/** The project that a place's lists name: the other one. */
function guestOf(place: Place): string {
  const { own, other } = people.places;
  return (place === own ? other : own).projectId;
}

function aclHeaders(acl: Acl, place: Place): Record<string, string> {
  if (acl === 'read for a project') return { 'x-container-read': `${guestOf(place)}:*` };
  if (acl === 'write for a project') return { 'x-container-write': `${guestOf(place)}:*` };
  return acl === 'read for everybody' ? { 'x-container-read': '.r:*,.rlistings' } : {};
}

async function newContainer(place: Place, acl: Acl, withObject: boolean): Promise<string> {
  const token = await people.ownerOf(place);
  const path = `/${people.unique()}`;
  await send('PUT', place, path, { token, headers: aclHeaders(acl, place) });
  if (withObject) await send('PUT', place, `${path}/object`, { token, body: 'x' });
  return path;
}

interface Action {
  level: 'account' | 'container' | 'object';
  method: string;
  /** Which list of the container counts. */
  list?: 'read' | 'write';
  headers?: (path: string) => Record<string, string>;
  body?: (path: string) => string;
  query?: string;
  /** In the answer of who is allowed, where the status does not say. */
  shows?: RegExp;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  'GET account': { level: 'account', method: 'GET' },
  'HEAD account': { level: 'account', method: 'HEAD' },
  'POST account': { level: 'account', method: 'POST', headers: () => ({ 'x-account-meta-a': 'b' }) },
  'bulk delete': {
    level: 'account',
    method: 'POST',
    query: '?bulk-delete',
    headers: () => ({ accept: 'application/json', 'content-type': 'text/plain' }),
    body: (path) => `${path}/object`,
    shows: /"Number Deleted": ?1/,
  },
  'PUT container': { level: 'container', method: 'PUT' },
  'GET container': { level: 'container', method: 'GET', list: 'read' },
  'HEAD container': { level: 'container', method: 'HEAD', list: 'read' },
  'POST container': { level: 'container', method: 'POST', headers: () => ({ 'x-container-meta-a': 'b' }) },
  'DELETE container': { level: 'container', method: 'DELETE' },
  'PUT object': { level: 'object', method: 'PUT', list: 'write', body: () => 'y' },
  'GET object': { level: 'object', method: 'GET', list: 'read' },
  'HEAD object': { level: 'object', method: 'HEAD', list: 'read' },
  'POST object': { level: 'object', method: 'POST', list: 'write', headers: () => ({ 'x-object-meta-a': 'b' }) },
  'DELETE object': { level: 'object', method: 'DELETE', list: 'write' },
};

/** Swift's rules, from the configured roles and the lists. */
function isAllowed(persona: Persona | undefined, place: Place, { method, list }: Action, acl: Acl): boolean {
  if (list === 'read' && acl === 'read for everybody') return true;
  if (!persona) return false;
  const has = (names: readonly string[]) => {
    const wanted = names.map((name) => name.toLowerCase());
    return persona.identity.roles.some(({ name }) => wanted.includes(name.toLowerCase()));
  };
  if (has([reseller])) return true;
  const project = projectOf(persona);
  if (list !== undefined && acl === `${list} for a project` && project === guestOf(place)) return true;
  if (project !== place.projectId) return false;
  return has(operators) || (has(readers) && (method === 'GET' || method === 'HEAD'));
}

async function isDone(action: Action, place: Place, acl: Acl, token: string | undefined): Promise<boolean> {
  const { level, method, query = '', headers, body, shows } = action;
  const withObject = method !== 'DELETE' || level === 'object';
  const name = `${place.projectId} ${acl} ${withObject}`;
  const path = await supply.get(name, () => newContainer(place, acl, withObject));
  const end = level === 'account' ? '' : level === 'container' ? path : `${path}/object`;
  const sent = { token, ...(headers && { headers: headers(path) }), ...(body && { body: body(path) }) };
  const { status, text } = await send(method, place, end + query, sent);
  const done = status < 300 && (shows === undefined || shows.test(text));
  if (done && !['GET', 'HEAD'].includes(method)) supply.drop(name);
  if (!done && ![200, 401, 403].includes(status)) throw new Error(`${method} of ${level} answered ${status} ${text}`);
  if (!done && status === 200 && shows === undefined) throw new Error('an answer without what was asked for');
  return done;
}

const cases = Object.entries(ACTIONS).flatMap(([name, action]) =>
  (action.list === undefined ? (['none'] as const) : ACLS).map((acl): [string, Acl, Action] => [name, acl, action]),
);

describe('every action of object storage, by every persona and by nobody, on their own and on others’', () => {
  it.each(cases)('%s (list: %s) is allowed to whom the roles and the lists allow it', async (_name, acl, action) => {
    const wrong: string[] = [];
    for (const [where, place] of Object.entries(people.places)) {
      for (const persona of [...people.personas, undefined]) {
        const expected = isAllowed(persona, place, action, acl);
        const done = await isDone(action, place, acl, persona?.token);
        if (done !== expected) wrong.push(`${persona?.name ?? 'nobody'}, on ${where}: to be allowed: ${expected}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('COPY takes reading of the one and writing of the other', async () => {
    const wrong: string[] = [];
    for (const source of ACLS) {
      for (const target of ACLS) {
        const [{ own: place }, [from, to]] = [people.places, await containers(source, target)];
        for (const persona of people.personas) {
          const reads = isAllowed(persona, place, { level: 'object', method: 'GET', list: 'read' }, source);
          const writes = isAllowed(persona, place, { level: 'object', method: 'PUT', list: 'write' }, target);
          const headers = { destination: `${to}/copy`, 'destination-account': `AUTH_${place.projectId}` };
          const { status } = await send('COPY', place, `${from}/object`, { token: persona.token, headers });
          if ((status === 201) !== (reads && writes)) wrong.push(`${persona.name}, ${source} to ${target}: ${status}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('PUT and DELETE of an account are for nobody', async () => {
    for (const place of Object.values(people.places)) {
      for (const persona of [...people.personas, undefined]) {
        for (const method of ['PUT', 'DELETE'])
          expect((await send(method, place, '', { token: persona?.token })).status).toBeGreaterThanOrEqual(401);
      }
    }
    expect((await send('HEAD', people.places.own, '', { token: await people.ownerOf(people.places.own) })).status).toBe(
      204,
    );
  });
});

async function containers(source: Acl, target: Acl): Promise<[string, string]> {
  const { own } = people.places;
  return [await newContainer(own, source, true), await newContainer(own, target, false)];
}
