import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPolicy } from '../../../auth/guard/policy.ts';
import { DEFAULT_POLICY } from '../../../image/policy.ts';
import { type Asking, type Outcome, Supply, wrongAnswers } from '../../support/auth/matrix.ts';
import { type Persona, PersonaCloud, type Place, projectOf } from '../../support/auth/personas.ts';
import { ImageHarness } from '../../support/image/image-harness.ts';

/** Rules that others are made of, not actions. */
const SHARED = ['admin', 'owner', 'admin_or_owner', 'shown'];

type Visibility = 'private' | 'shared' | 'public' | 'community';
const VISIBILITIES: readonly Visibility[] = ['private', 'shared', 'public', 'community'];
/** What an action needs to find: data or none, in service or not. */
type State = 'empty' | 'with data' | 'deactivated';

let people: PersonaCloud;
let images: ImageHarness;
const supply = new Supply();
const policy = createPolicy(DEFAULT_POLICY);

beforeAll(async () => {
  people = await PersonaCloud.start();
  images = await ImageHarness.start({ verifier: people.cloud.service.verifier });
});
afterAll(async () => {
  await images.stop();
  await people.stop();
});

/** The project that images of this place are shared with. */
function memberOf(place: Place): string {
  const { own, other } = people.places;
  return (place === own ? other : own).projectId;
}

async function newImage(place: Place, visibility: Visibility, state: State): Promise<string> {
  const id = await images.create({ visibility: 'shared' }, await people.ownerOf(place));
  if (visibility === 'shared') {
    await images.json('POST', `/v2/images/${id}/members`, { member: memberOf(place) }, await people.ownerOf(place));
  } else {
    await images.patch(id, [{ op: 'replace', path: '/visibility', value: visibility }], people.admin);
  }
  if (state !== 'empty') await images.upload(id, 'data', { token: await people.ownerOf(place) });
  if (state === 'deactivated') await images.json('POST', `/v2/images/${id}/actions/deactivate`, {}, people.admin);
  return id;
}

function targetOf(persona: Persona, place: Place, visibility: Visibility) {
  const isMember = visibility === 'shared' && projectOf(persona) === memberOf(place);
  return { project_id: place.projectId, visibility, ...(isMember && { member_id: memberOf(place) }) };
}

/** An asking for each kind of image. */
function onImage(
  state: State,
  ask: (id: string, persona: Persona, place: Place) => Promise<number>,
  { of = VISIBILITIES, also }: { of?: readonly Visibility[]; also?: string } = {},
): Record<string, Asking> {
  return Object.fromEntries(
    of.map((visibility): [string, Asking] => [
      visibility,
      async (persona, place): Promise<Outcome> => {
        const name = `${visibility} ${state} ${place.projectId}`;
        const id = await supply.get(name, () => newImage(place, visibility, state));
        const status = await ask(id, persona, place);
        if (status < 400) supply.drop(name);
        const target = targetOf(persona, place, visibility);
        // Nothing can be done to what cannot be seen.
        const sees = policy.allows('get_image', persona.identity, target);
        const besides = sees && (also === undefined || policy.allows(also, persona.identity, target));
        return { status, target, besides };
      },
    ]),
  );
}

const request = async (method: string, path: string, { token }: Persona, body?: unknown) =>
  (await images.json(method, path, body, token)).status;
const replace = async (id: string, { token }: Persona, path: string, value: unknown) =>
  (await images.patch(id, [{ op: 'replace', path, value }], token)).status;
const own = (persona: Persona) => ({ project_id: projectOf(persona) });
const sharedOnly = { of: ['shared'] as const };

const ASKINGS: Readonly<Record<string, Record<string, Asking>>> = {
  add_image: {
    'of one’s own': async (persona) => ({
      status: await request('POST', '/v2/images', persona, {}),
      target: own(persona),
      besides: projectOf(persona) !== undefined,
    }),
  },
  add_image_for_others: {
    'for a project that is not one’s own': async (persona) => ({
      status: await request('POST', '/v2/images', persona, { owner: people.places.other.projectId }),
      target: own(persona),
      besides: projectOf(persona) !== undefined,
    }),
  },
  get_image: onImage('empty', (id, persona) => request('GET', `/v2/images/${id}`, persona)),
  get_images: {
    // A private image is in the lists of its project alone, and in those of who lists everybody's.
    private: async (persona, place) => {
      const id = await supply.get(`private empty ${place.projectId}`, () => newImage(place, 'private', 'empty'));
      const { status, body } = await images.json('GET', '/v2/images?limit=1000', undefined, persona.token);
      const shown = status < 400 && body.images.some((image) => image['id'] === id);
      const seesAll = policy.allows('get_images_of_all', persona.identity);
      return { status: shown ? 200 : 404, besides: seesAll || projectOf(persona) === place.projectId };
    },
    public: async (persona, place) => {
      const id = await supply.get(`public empty ${place.projectId}`, () => newImage(place, 'public', 'empty'));
      const { status, body } = await images.json('GET', '/v2/images?limit=1000', undefined, persona.token);
      return { status: status < 400 && body.images.some((image) => image['id'] === id) ? 200 : 404 };
    },
  },
  get_images_of_all: {
    private: async (persona) => {
      const places = Object.values(people.places);
      const ids = await Promise.all(
        places.map((place) =>
          supply.get(`private empty ${place.projectId}`, () => newImage(place, 'private', 'empty')),
        ),
      );
      const { status, body } = await images.json('GET', '/v2/images?limit=1000', undefined, persona.token);
      const listed = new Set(status < 400 ? body.images.map((image) => image['id']) : []);
      return { status: ids.every((id) => listed.has(id)) ? 200 : 404 };
    },
  },
  modify_image: onImage('empty', (id, persona) => replace(id, persona, '/name', 'x')),
  delete_image: onImage('empty', (id, persona) => request('DELETE', `/v2/images/${id}`, persona)),
  publicize_image: onImage('empty', (id, persona) => replace(id, persona, '/visibility', 'public'), {
    of: ['private', 'shared', 'community'],
    also: 'modify_image',
  }),
  communitize_image: onImage('empty', (id, persona) => replace(id, persona, '/visibility', 'community'), {
    of: ['private', 'shared', 'public'],
    also: 'modify_image',
  }),
  download_image: onImage('with data', (id, persona) => request('GET', `/v2/images/${id}/file`, persona)),
  download_deactivated: onImage('deactivated', (id, persona) => request('GET', `/v2/images/${id}/file`, persona), {
    also: 'download_image',
  }),
  upload_image: onImage('empty', async (id, { token }) => (await images.upload(id, 'data', { token })).status),
  deactivate: onImage('with data', (id, persona) =>
    request('POST', `/v2/images/${id}/actions/deactivate`, persona, {}),
  ),
  reactivate: onImage('deactivated', (id, persona) =>
    request('POST', `/v2/images/${id}/actions/reactivate`, persona, {}),
  ),
  add_member: onImage(
    'empty',
    (id, persona) => request('POST', `/v2/images/${id}/members`, persona, { member: people.unique() }),
    sharedOnly,
  ),
  get_members: onImage('empty', (id, persona) => request('GET', `/v2/images/${id}/members`, persona), sharedOnly),
  delete_member: onImage(
    'empty',
    (id, persona, place) => request('DELETE', `/v2/images/${id}/members/${memberOf(place)}`, persona),
    sharedOnly,
  ),
  modify_member: {
    shared: async (persona, place) => {
      const name = `shared empty ${place.projectId}`;
      const id = await supply.get(name, () => newImage(place, 'shared', 'empty'));
      const path = `/v2/images/${id}/members/${memberOf(place)}`;
      const status = await request('PUT', path, persona, { status: 'accepted' });
      if (status < 400) supply.drop(name);
      const seen = targetOf(persona, place, 'shared');
      const sees = ['get_image', 'get_members'].every((action) => policy.allows(action, persona.identity, seen));
      // Whose membership it is, not whether the caller is a member.
      return { status, target: { ...seen, member_id: memberOf(place) }, besides: sees };
    },
  },
  stores_info_detail: {
    'of the cloud': async (persona) => ({ status: await request('GET', '/v2/info/stores/detail', persona) }),
  },
};

const actions = Object.keys(DEFAULT_POLICY).filter((name) => !SHARED.includes(name));
const cases = Object.entries(ASKINGS).flatMap(([action, kinds]) =>
  Object.entries(kinds).map(([kind, ask]): [string, string, Asking] => [action, kind, ask]),
);

describe('every action of images, by every persona, on their own and on others’', () => {
  it('is asked for here: none is missing, none is too many', () => {
    expect(Object.keys(ASKINGS).sort()).toEqual(actions.toSorted());
  });

  it.each(cases)('%s (%s) is allowed to whom the rules allow it', async (action, _kind, ask) => {
    expect(await wrongAnswers(people, policy, action, ask)).toEqual([]);
  });
});
