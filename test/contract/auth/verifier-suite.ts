import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenVerifier } from '../../../auth/guard/contract.ts';
import { PASSWORDS, passwordIdentity, projectScope, TestCloud, tokenIdentity } from '../../support/auth/test-cloud.ts';

const POLL_MS = 10;

export interface VerifierFixture {
  verifier: TokenVerifier;
  close(): Promise<void>;
}

export interface VerifierPromise {
  /** How long after a change is acknowledged a token may still be believed to be what it was, milliseconds. */
  staleMs: number;
}

/** The promises of TokenVerifier, for every implementation. Spec: auth/guard/contract.ts. */
export function verifierContract(
  name: string,
  open: (cloud: TestCloud, authUrl: string) => Promise<VerifierFixture>,
  { staleMs }: VerifierPromise,
): void {
  describe(`token verifier: ${name}`, () => {
    let cloud: TestCloud;
    let admin: string;
    let fixture: VerifierFixture;
    let roles: Record<string, string>;
    let users = 0;

    beforeAll(async () => {
      cloud = await TestCloud.start();
      const authUrl = `${await cloud.listen()}/v3`;
      admin = await cloud.adminToken();
      const listed = (await cloud.call('GET', '/v3/roles', admin)).body.roles as { id: string; name: string }[];
      roles = Object.fromEntries(listed.map((role) => [role.name, role.id]));
      fixture = await open(cloud, authUrl);
    });
    afterAll(async () => {
      await fixture.close();
      await cloud.stop();
    });

    const verify = (token: string) => fixture.verifier.verify(token);

    async function make(path: string, key: string, body: object): Promise<string> {
      return (await cloud.call('POST', `/v3/${path}`, admin, { [key]: body })).body[key].id;
    }

    /** A domain, a project and a user who is a member of it, with a token. */
    async function newSubject() {
      users += 1;
      const unique = `subject-${users}`;
      const domainId = await make('domains', 'domain', { name: unique });
      const projectId = await make('projects', 'project', { name: unique, domain_id: domainId });
      const userId = await make('users', 'user', { name: unique, domain_id: domainId, password: 'pw' });
      const grant = `/v3/projects/${projectId}/users/${userId}/roles/${roles['member']}`;
      await cloud.call('PUT', grant, admin);
      const scope = { project: { id: projectId } };
      const logIn = async () =>
        String((await cloud.logIn(passwordIdentity(unique, 'pw', domainId), scope)).headers['x-subject-token']);
      const token = await logIn();
      expect((await verify(token))?.user.id).toBe(userId);
      return { domainId, projectId, userId, grant, scope, token, logIn };
    }

    /** Fails where it is not so when asked after the promised time, however long the answer then takes. */
    async function soon(holds: () => Promise<boolean>): Promise<void> {
      const endMs = performance.now() + staleMs;
      for (;;) {
        const askedMs = performance.now();
        if (await holds()) return;
        expect(askedMs, 'the promised time is over').toBeLessThanOrEqual(endMs);
        await sleep(Math.min(POLL_MS, staleMs));
      }
    }
    const ends = (token: string) => soon(async () => (await verify(token)) === undefined);

    it('says who it is, on what, and with which roles', async () => {
      const identity = await verify(await cloud.demoToken());
      expect(identity).toMatchObject({
        user: { name: 'demo', domain: { id: 'default', name: 'Default' } },
        scope: { kind: 'project', project: { id: cloud.projectIds.demo, name: 'demo' } },
      });
      expect(identity?.roles.map((role) => role.name).sort()).toEqual(['member', 'reader']);
      expect(identity?.expiresAtMs).toBeGreaterThan(cloud.clock.nowMs());
      expect(identity?.delegation).toBeUndefined();
    });

    it('tells the scopes apart', async () => {
      await cloud.call(
        'PUT',
        `/v3/domains/default/users/${(await verify(admin))?.user.id}/roles/${roles['reader']}`,
        admin,
      );
      for (const [scope, kind] of [
        [projectScope('admin'), 'project'],
        [{ domain: { id: 'default' } }, 'domain'],
        [{ system: { all: true } }, 'system'],
        ['unscoped', 'unscoped'],
      ] as const)
        expect((await verify(await cloud.token('admin', PASSWORDS.admin, scope)))?.scope.kind).toBe(kind);
    });

    it('knows nothing of what is no token', async () => {
      const token = await cloud.demoToken();
      for (const text of [
        '',
        'rubbish',
        'two words',
        'line\nbreak',
        'ü',
        token.slice(0, -4),
        `${token}AAAA`,
        'x'.repeat(9_000),
      ])
        expect(await verify(text)).toBeUndefined();
    });

    it('ends a token that is revoked, and with the first of a chain the others', async () => {
      const { token, scope } = await newSubject();
      const second = String((await cloud.logIn(tokenIdentity(token), scope)).headers['x-subject-token']);
      expect(await verify(second)).toBeDefined();
      await cloud.ask('DELETE', token, token);
      await ends(token);
      await ends(second);
    });

    it('ends tokens of a user whose password changes, and of one who is disabled or deleted', async () => {
      const change = { original_password: 'pw', password: 'next' };
      const [changed, disabled, deleted] = [await newSubject(), await newSubject(), await newSubject()];
      await cloud.call('POST', `/v3/users/${changed.userId}/password`, undefined, { user: change });
      await ends(changed.token);
      await cloud.call('PATCH', `/v3/users/${disabled.userId}`, admin, { user: { enabled: false } });
      await ends(disabled.token);
      await cloud.call('DELETE', `/v3/users/${deleted.userId}`, admin);
      await ends(deleted.token);
    });

    it('ends tokens of a project or a domain that is disabled, for good', async () => {
      const [first, second] = [await newSubject(), await newSubject()];
      await cloud.call('PATCH', `/v3/projects/${first.projectId}`, admin, { project: { enabled: false } });
      await ends(first.token);
      await cloud.call('PATCH', `/v3/projects/${first.projectId}`, admin, { project: { enabled: true } });
      await ends(first.token);
      await cloud.call('PATCH', `/v3/domains/${second.domainId}`, admin, { domain: { enabled: false } });
      await ends(second.token);
    });

    it('takes a role away, and the token with the last of them', async () => {
      const { token, grant } = await newSubject();
      const manager = grant.replace(roles['member'] ?? '', roles['manager'] ?? '');
      const has = async (role: string) => (await verify(token))?.roles.some((each) => each.name === role) ?? false;
      await cloud.call('PUT', manager, admin);
      await soon(() => has('manager'));
      await cloud.call('DELETE', manager, admin);
      await soon(async () => !(await has('manager')));
      expect(await has('member')).toBe(true);
      await cloud.call('DELETE', grant, admin);
      await ends(token);
    });

    it('says what a token was delegated by, and ends it with that', async () => {
      const { userId, projectId, token, scope } = await newSubject();
      const rule = { service: 'image', method: 'GET', path: '/v2/**' };
      const path = `/v3/users/${userId}/application_credentials`;
      const body = { application_credential: { name: 'x', access_rules: [rule] } };
      const { id, secret } = (await cloud.call('POST', path, token, body)).body.application_credential;
      const proof = { methods: ['application_credential'], application_credential: { id, secret } };
      const delegated = String((await cloud.logIn(proof)).headers['x-subject-token']);
      expect((await verify(delegated))?.delegation).toEqual({
        kind: 'application_credential',
        id,
        unrestricted: false,
        accessRules: [rule],
      });
      const trust = {
        trustor_user_id: userId,
        trustee_user_id: userId,
        project_id: projectId,
        impersonation: false,
        roles: [{ name: 'member' }],
      };
      const { id: trustId } = (await cloud.call('POST', '/v3/OS-TRUST/trusts', token, { trust })).body.trust;
      const login = tokenIdentity(token);
      const trusted = String(
        (await cloud.logIn(login, { 'OS-TRUST:trust': { id: trustId } })).headers['x-subject-token'],
      );
      expect((await verify(trusted))?.delegation).toMatchObject({ kind: 'trust', id: trustId });
      await cloud.call('DELETE', `/v3/OS-TRUST/trusts/${trustId}`, token);
      await ends(trusted);
      await cloud.call('DELETE', `${path}/${id}`, token);
      await ends(delegated);
      expect((await verify(token))?.scope).toMatchObject({ kind: 'project', project: scope.project });
    });

    it('asks for the same token of many at once and answers all alike', async () => {
      const token = await cloud.demoToken();
      const answers = await Promise.all(Array.from({ length: 20 }, () => verify(token)));
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    });

    it('ends a token when its time is over', async () => {
      const token = await cloud.demoToken();
      expect(await verify(token)).toBeDefined();
      cloud.clock.offsetMs += 86_400_000;
      await ends(token);
    });
  });
}
