import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORDS, passwordIdentity, projectScope, TestCloud, tokenIdentity } from '../../support/auth/test-cloud.ts';

let cloud: TestCloud;
let admin: string;
let demo: string;
let demoId: string;
let roles: Record<string, string>;
/** Somebody without any role, to whom demo delegates. */
let trustee: { id: string; name: string };

beforeAll(async () => {
  cloud = await TestCloud.start();
  admin = await cloud.adminToken();
  demo = await cloud.demoToken();
  demoId = (await cloud.ask('GET', demo, demo)).body.token.user.id;
  const listed = (await cloud.call('GET', '/v3/roles', admin)).body.roles as { id: string; name: string }[];
  roles = Object.fromEntries(listed.map(({ id, name }) => [name, id]));
  trustee = await newUser('trustee');
});
afterAll(() => cloud.stop());

async function newUser(name: string) {
  const { id } = (await cloud.call('POST', '/v3/users', admin, { user: { name, password: 'pw' } })).body.user;
  return { id: String(id), name };
}

const create = (body: object = {}, token = demo) =>
  cloud.call('POST', '/v3/OS-TRUST/trusts', token, {
    trust: {
      trustor_user_id: demoId,
      trustee_user_id: trustee.id,
      project_id: cloud.projectIds.demo,
      impersonation: false,
      roles: [{ name: 'reader' }],
      ...body,
    },
  });

async function trust(body: object = {}, token = demo): Promise<string> {
  const answer = await create(body, token);
  expect(answer.status).toBe(201);
  return answer.body.trust.id;
}

const scopeOf = (id: string) => ({ 'OS-TRUST:trust': { id } });
const use = (id: string, name = trustee.name) => cloud.logIn(passwordIdentity(name, 'pw'), scopeOf(id));
const tokenFrom = async (id: string) => String((await use(id)).headers['x-subject-token']);

describe('a trust', () => {
  it('gives the trustee the delegated roles on the project, and nothing else', async () => {
    const id = await trust();
    const { token } = (await use(id)).body;
    expect(token.user.id).toBe(trustee.id);
    expect(token.project.id).toBe(cloud.projectIds.demo);
    expect(token.roles).toEqual([{ id: roles['reader'], name: 'reader' }]);
    expect(token['OS-TRUST:trust']).toEqual({
      id,
      impersonation: false,
      trustor_user: { id: demoId },
      trustee_user: { id: trustee.id },
    });
  });

  it('names the trustor in its tokens where it impersonates', async () => {
    const { token } = (await use(await trust({ impersonation: true }))).body;
    expect(token.user.id).toBe(demoId);
  });

  it('is used by its trustee only, with a password or a token', async () => {
    const id = await trust();
    await newUser('stranger');
    expect((await use(id, 'stranger')).status).toBe(403);
    expect((await cloud.logIn(tokenIdentity(demo), scopeOf(id))).status).toBe(403);
    expect((await use('f'.repeat(32))).status).toBe(403);
    const own = await cloud.token(trustee.name, 'pw');
    const answer = await cloud.logIn(tokenIdentity(own), scopeOf(id));
    expect(answer.status).toBe(201);
    expect(answer.body.token.audit_ids).toHaveLength(2);
  });

  it('is made by the trustor alone, for the project and with roles of the token at hand', async () => {
    const statuses = [
      (await create({}, admin)).status,
      (await create({ trustor_user_id: 'f'.repeat(32) })).status,
      (await create({ roles: [{ name: 'admin' }] })).status,
      (await create({ roles: [] })).status,
      (await create({ project_id: cloud.projectIds.admin })).status,
      (await create({ project_id: null })).status,
      (await create({ trustee_user_id: 'f'.repeat(32) })).status,
      (await create({ expires_at: 'bad.123Z' })).status,
      (await create({ expires_at: '2001-01-01T00:00:00Z' })).status,
      (await create({ remaining_uses: 0 })).status,
    ];
    expect(statuses).toEqual([403, 403, 403, 403, 403, 400, 404, 400, 400, 400]);
  });

  it('ends at its time, and its tokens with it', async () => {
    const id = await trust({ expires_at: new Date(cloud.clock.nowMs() + 60_000).toISOString() });
    const token = await tokenFrom(id);
    cloud.clock.offsetMs += 61_000;
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    expect((await use(id)).status).toBe(403);
    expect((await cloud.call('GET', `/v3/OS-TRUST/trusts/${id}`, demo)).status).toBe(404);
  });

  it('counts its uses, also when they come all at once', async () => {
    const id = await trust({ remaining_uses: 3 });
    const own = await cloud.token(trustee.name, 'pw');
    const answers = await Promise.all(Array.from({ length: 6 }, () => cloud.logIn(tokenIdentity(own), scopeOf(id))));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect((await cloud.call('GET', `/v3/OS-TRUST/trusts/${id}`, demo)).body.trust.remaining_uses).toBe(0);
  });

  it('ends, with its tokens, when it is deleted, and is then nowhere', async () => {
    const id = await trust();
    const token = await tokenFrom(id);
    const path = `/v3/OS-TRUST/trusts/${id}`;
    const own = await cloud.token(trustee.name, 'pw');
    expect((await cloud.call('DELETE', path, own)).status).toBe(403);
    expect((await cloud.call('DELETE', path, demo)).status).toBe(204);
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    expect((await cloud.call('GET', path, demo)).status).toBe(404);
  });

  it('ends when its trustor loses a role, is disabled, or its trustee is', async () => {
    const donor = await newUser('donor');
    const grant = `/v3/projects/${cloud.projectIds.demo}/users/${donor.id}/roles/${roles['member']}`;
    await cloud.call('PUT', grant, admin);
    const donorToken = await cloud.token('donor', 'pw', projectScope('demo'));
    const id = await trust({ trustor_user_id: donor.id, roles: [{ name: 'member' }] }, donorToken);
    const token = await tokenFrom(id);
    await cloud.call('DELETE', grant, admin);
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    expect((await use(id)).status).toBe(401);
    await cloud.call('PUT', grant, admin);
    expect((await use(id)).status).toBe(201);
    for (const each of [donor, trustee]) {
      await cloud.call('PATCH', `/v3/users/${each.id}`, admin, { user: { enabled: false } });
      expect((await use(id)).status).toBe(401);
      await cloud.call('PATCH', `/v3/users/${each.id}`, admin, { user: { enabled: true } });
      cloud.clock.offsetMs += 1;
    }
    expect(await cloud.service.verifier.verify(token)).toBeUndefined();
    await cloud.call('DELETE', `/v3/users/${donor.id}`, admin);
    expect((await use(id)).status).toBe(403);
  });

  it('is shown with its roles to its two parties and the administrators', async () => {
    const id = await trust({ expires_at: '2099-01-02T03:04:05Z' });
    const path = `/v3/OS-TRUST/trusts/${id}`;
    const own = await cloud.token(trustee.name, 'pw');
    for (const token of [demo, own, admin]) {
      const { trust: shown } = (await cloud.call('GET', path, token)).body;
      expect(shown).toMatchObject({ expires_at: '2099-01-02T03:04:05.000000Z', redelegation_count: 0 });
      expect(shown.roles.map(({ name }: { name: string }) => name)).toEqual(['reader']);
    }
    expect((await cloud.call('GET', `${path}/roles`, demo)).body.roles).toHaveLength(1);
    expect((await cloud.call('GET', `${path}/roles/${roles['reader']}`, demo)).body.role.name).toBe('reader');
    expect((await cloud.call('GET', `${path}/roles/${roles['member']}`, demo)).status).toBe(404);
    await newUser('onlooker');
    const onlooker = await cloud.token('onlooker', 'pw');
    expect((await cloud.call('GET', path, onlooker)).status).toBe(404);
  });

  it('is listed by trustor and by trustee; all of them to administrators', async () => {
    const id = await trust();
    const ids = async (query: string, token: string) => {
      const answer = await cloud.call('GET', `/v3/OS-TRUST/trusts${query}`, token);
      return answer.status === 200 ? answer.body.trusts.map((each: { id: string }) => each.id) : answer.status;
    };
    const own = await cloud.token(trustee.name, 'pw');
    expect(await ids(`?trustor_user_id=${demoId}`, demo)).toContain(id);
    expect(await ids(`?trustee_user_id=${trustee.id}`, own)).toContain(id);
    expect(await ids('', admin)).toContain(id);
    expect(await ids('', demo)).toBe(403);
    expect(await ids(`?trustor_user_id=${trustee.id}`, demo)).toBe(403);
  });
});

describe('a token from a trust', () => {
  it('makes no other token, no trust, no credential and sees none (CVE-2026-43000, CVE-2026-43001)', async () => {
    const token = await tokenFrom(await trust({ impersonation: true }));
    for (const scope of [undefined, 'unscoped', projectScope('demo')])
      expect((await cloud.logIn(tokenIdentity(token), scope)).status).toBe(403);
    const credential = { credential: { type: 'cert', blob: 'x', user_id: demoId } };
    const attempts = [
      (await create({}, token)).status,
      (await cloud.call('GET', `/v3/OS-TRUST/trusts?trustor_user_id=${demoId}`, token)).status,
      (await cloud.call('POST', '/v3/credentials', token, credential)).status,
      (await cloud.call('GET', `/v3/users/${demoId}/credentials/OS-EC2`, token)).status,
      (
        await cloud.call('POST', `/v3/users/${demoId}/application_credentials`, token, {
          application_credential: { name: 'x' },
        })
      ).status,
    ];
    expect(attempts).toEqual([403, 403, 403, 403, 403]);
  });
});

describe('passing a trust on', () => {
  const onward = (body: object = {}) => ({ impersonation: true, ...body });

  it('works as often as the trustor allowed, with no more roles and no later end, and ends with the first', async () => {
    const first = await trust(onward({ allow_redelegation: true, redelegation_count: 1, roles: [{ name: 'reader' }] }));
    const token = await tokenFrom(first);
    expect((await create(onward({ roles: [{ name: 'member' }] }), token)).status).toBe(403);
    const second = await create(onward({ allow_redelegation: true }), token);
    expect(second.body.trust).toMatchObject({ redelegated_trust_id: first, redelegation_count: 0 });
    const secondToken = await tokenFrom(second.body.trust.id);
    expect((await create(onward(), secondToken)).status).toBe(403);
    await cloud.call('DELETE', `/v3/OS-TRUST/trusts/${first}`, demo);
    expect(await cloud.service.verifier.verify(secondToken)).toBeUndefined();
    expect((await use(second.body.trust.id)).status).toBe(403);
    expect((await cloud.call('GET', `/v3/OS-TRUST/trusts/${second.body.trust.id}`, admin)).status).toBe(404);
  });

  it('is refused where the trust does not allow it, counts its uses, or would end later', async () => {
    expect((await create(onward(), await tokenFrom(await trust(onward())))).status).toBe(403);
    expect((await create(onward({ allow_redelegation: true, remaining_uses: 2 }))).status).toBe(400);
    expect((await create(onward({ allow_redelegation: true, redelegation_count: 4 }))).status).toBe(403);
    const bounded = await trust(onward({ allow_redelegation: true, expires_at: '2098-01-01T00:00:00Z' }));
    const token = await tokenFrom(bounded);
    expect((await create(onward({ expires_at: '2099-01-01T00:00:00Z' }), token)).status).toBe(403);
    expect((await create(onward({ remaining_uses: 1 }), token)).status).toBe(400);
  });

  it('gives the trustor’s project to nobody whom the trustor’s password would not let in', async () => {
    expect((await cloud.logIn(passwordIdentity('demo', `${PASSWORDS.demo}!`), scopeOf(await trust()))).status).toBe(
      401,
    );
  });
});
