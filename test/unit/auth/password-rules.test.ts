import { afterEach, describe, expect, it } from 'vitest';
import type { AuthConfig } from '../../../auth/config.ts';
import { decodeBase32, totpAt } from '../../../auth/passwords/totp.ts';
import { PASSWORDS, passwordIdentity, TestCloud } from '../../support/auth/test-cloud.ts';

const DAY_MS = 86_400_000;
let cloud: TestCloud | undefined;
let admin = '';
afterEach(() => cloud?.stop());

async function start(config: Partial<AuthConfig>): Promise<TestCloud> {
  cloud = await TestCloud.start({ config });
  admin = await cloud.adminToken();
  return cloud;
}

async function newUser(here: TestCloud, options: object = {}): Promise<string> {
  const answer = await here.call('POST', '/v3/users', admin, { user: { name: 'anna', password: 'first-1', options } });
  expect(answer.status).toBe(201);
  return answer.body.user.id;
}

const logIn = async (here: TestCloud, password: string) =>
  (await here.logIn(passwordIdentity('anna', password))).status;
const change = async (here: TestCloud, id: string, original: string, password: string) => {
  const body = { user: { original_password: original, password } };
  const answer = await here.call('POST', `/v3/users/${id}/password`, undefined, body);
  here.clock.offsetMs += 1;
  return answer.status;
};
const reset = async (here: TestCloud, id: string, password: string) => {
  const answer = await here.call('PATCH', `/v3/users/${id}`, admin, { user: { password } });
  here.clock.offsetMs += 1;
  return answer.status;
};

describe('a password', () => {
  it('must match the rule, whoever sets it, and who chose another is told in words', async () => {
    const here = await start({ password_regex: '\\d', password_regex_description: 'it needs a digit' });
    const id = await newUser(here);
    const refusal = await here.call('PATCH', `/v3/users/${id}`, admin, { user: { password: 'none' } });
    expect(refusal.status).toBe(400);
    expect(refusal.body.error.message).toContain('it needs a digit');
    expect(await change(here, id, 'first-1', 'none')).toBe(400);
    expect(await change(here, id, 'first-1', 'one-1')).toBe(204);
    expect((await here.call('POST', '/v3/users', admin, { user: { name: 'x', password: 'none' } })).status).toBe(400);
  });

  it('must differ from the last ones where its user changes it, and not where an administrator does', async () => {
    const here = await start({ password_history: 3 });
    const id = await newUser(here);
    expect(await change(here, id, 'first-1', 'second-2')).toBe(204);
    expect(await change(here, id, 'second-2', 'first-1')).toBe(400);
    expect(await change(here, id, 'second-2', 'third-3')).toBe(204);
    expect(await change(here, id, 'third-3', 'first-1')).toBe(400);
    expect(await change(here, id, 'third-3', 'fourth-4')).toBe(204);
    expect(await change(here, id, 'fourth-4', 'first-1')).toBe(204);
    expect(await reset(here, id, 'fourth-4')).toBe(200);
  });

  it('expires, is shown to expire, and can then only be changed', async () => {
    const here = await start({ password_expires_days: 30 });
    const id = await newUser(here);
    const shown = (await here.call('GET', `/v3/users/${id}`, admin)).body.user.password_expires_at;
    expect(Math.abs(Date.parse(`${shown}Z`) - here.clock.nowMs() - 30 * DAY_MS)).toBeLessThan(60_000);
    expect((await here.logIn(passwordIdentity('anna', 'first-1'))).body.token.user.password_expires_at).toBe(shown);
    here.clock.offsetMs += 30 * DAY_MS;
    const refusal = await here.logIn(passwordIdentity('anna', 'first-1'));
    expect(refusal.status).toBe(401);
    expect(refusal.body.error.message).toContain('expired');
    expect((await here.logIn(passwordIdentity('anna', 'wrong'))).body.error.message).not.toContain('expired');
    expect(await change(here, id, 'first-1', 'second-2')).toBe(204);
    expect(await logIn(here, 'second-2')).toBe(201);
  });

  it('never expires for a user who is spared it', async () => {
    const here = await start({ password_expires_days: 1 });
    await newUser(here, { ignore_password_expiry: true });
    here.clock.offsetMs += 2 * DAY_MS;
    expect(await logIn(here, 'first-1')).toBe(201);
  });

  it('that its user has chosen may not be changed again too soon; one that was given may', async () => {
    const here = await start({ password_min_age_days: 1 });
    const id = await newUser(here);
    expect(await change(here, id, 'first-1', 'second-2')).toBe(204);
    expect(await change(here, id, 'second-2', 'third-3')).toBe(400);
    expect(await reset(here, id, 'given-4')).toBe(200);
    expect(await change(here, id, 'given-4', 'fifth-5')).toBe(204);
    expect(await change(here, id, 'fifth-5', 'sixth-6')).toBe(400);
    here.clock.offsetMs += DAY_MS;
    expect(await change(here, id, 'fifth-5', 'sixth-6')).toBe(204);
  });

  it('that was given must be changed before anything else, after each time that it is given', async () => {
    const here = await start({ change_password_upon_first_use: true, password_min_age_days: 1 });
    const id = await newUser(here);
    for (const [given, chosen] of [
      ['first-1', 'second-2'],
      ['given-3', 'fourth-4'],
    ] as const) {
      if (given !== 'first-1') expect(await reset(here, id, given)).toBe(200);
      const refusal = await here.logIn(passwordIdentity('anna', given));
      expect([refusal.status, refusal.headers['x-subject-token']]).toEqual([401, undefined]);
      expect(refusal.body.error.message).toContain('needs to be changed');
      expect((await here.logIn(passwordIdentity('anna', 'wrong'))).body.error.message).not.toContain('changed');
      const shown = (await here.call('GET', `/v3/users/${id}`, admin)).body.user.password_expires_at;
      expect(Date.parse(`${shown}Z`)).toBeLessThanOrEqual(here.clock.nowMs());
      expect(await change(here, id, given, chosen)).toBe(204);
      expect(await logIn(here, chosen)).toBe(201);
    }
  });

  it('need not be changed by a user who is spared it, nor one that was given before the rule', async () => {
    const here = await start({ change_password_upon_first_use: true });
    const id = await newUser(here, { ignore_change_password_upon_first_use: true });
    expect(await logIn(here, 'first-1')).toBe(201);
    await reset(here, id, 'given-2');
    expect(await logIn(here, 'given-2')).toBe(201);
    const options = { ignore_change_password_upon_first_use: false };
    expect((await here.call('PATCH', `/v3/users/${id}`, admin, { user: { options } })).status).toBe(200);
    expect(await logIn(here, 'given-2')).toBe(201);
    await reset(here, id, 'given-3');
    expect(await logIn(here, 'given-3')).toBe(401);
    expect((await here.logIn(passwordIdentity('demo', PASSWORDS.demo))).status).toBe(201);
  });

  it('that is locked cannot be changed by its user, and can by an administrator', async () => {
    const here = await start({});
    const id = await newUser(here, { lock_password: true });
    expect(await change(here, id, 'first-1', 'second-2')).toBe(403);
    expect(await change(here, id, 'wrong', 'second-2')).toBe(401);
    expect(await reset(here, id, 'given-3')).toBe(200);
    expect(await logIn(here, 'given-3')).toBe(201);
  });

  it('of a rule that is no expression stops the start', async () => {
    await expect(TestCloud.start({ config: { password_regex: '(' } })).rejects.toThrow('password_regex');
  });
});

describe('wrong passwords', () => {
  it('lock a user out, even from the right one, with the answer that any wrong one gets (CVE-2021-38155)', async () => {
    const here = await start({ lockout_failures: 3, lockout_s: 60 });
    await newUser(here);
    for (const _ of [1, 2]) expect(await logIn(here, 'wrong')).toBe(401);
    expect(await logIn(here, 'first-1')).toBe(201);
    const wrong = await here.logIn(passwordIdentity('anna', 'wrong'));
    for (const _ of [1, 2]) await logIn(here, 'wrong');
    const locked = await here.logIn(passwordIdentity('anna', 'first-1'));
    expect([locked.status, locked.body]).toEqual([wrong.status, wrong.body]);
    here.clock.offsetMs += 60_000;
    expect(await logIn(here, 'first-1')).toBe(201);
  });

  it('that come all at once teach no more than as many in a row', async () => {
    const here = await start({ lockout_failures: 3, lockout_s: 60 });
    await newUser(here);
    const guesses = Array.from({ length: 12 }, (_, index) => logIn(here, index === 11 ? 'first-1' : 'wrong'));
    expect((await Promise.all(guesses)).filter((status) => status === 201)).toEqual([]);
  });

  it('lock nobody out who is spared it, and end with the user', async () => {
    const here = await start({ lockout_failures: 1, lockout_s: 60 });
    const id = await newUser(here, { ignore_lockout_failure_attempts: true });
    await logIn(here, 'wrong');
    expect(await logIn(here, 'first-1')).toBe(201);
    await here.call('PATCH', `/v3/users/${id}`, admin, {
      user: { options: { ignore_lockout_failure_attempts: false } },
    });
    await logIn(here, 'wrong');
    expect(await here.store.get(`auth-login-failures/${id}`)).toBeDefined();
    await here.call('DELETE', `/v3/users/${id}`, admin);
    expect(await here.store.get(`auth-login-failures/${id}`)).toBeUndefined();
  });

  it('slow down who guesses, for one user and for all, before any work is done', async () => {
    const here = await start({ login_failures_per_minute: 3 });
    await newUser(here);
    for (const _ of [1, 2, 3]) expect(await logIn(here, 'wrong')).toBe(401);
    const answer = await here.logIn(passwordIdentity('anna', 'first-1'));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await here.logIn(passwordIdentity('nobody', 'wrong'))).status).toBe(401);
    for (let index = 0; index < 27; index += 1) await here.logIn(passwordIdentity(`nobody-${index}`, 'wrong'));
    expect((await here.logIn(passwordIdentity('demo', 'wrong'))).status).toBe(429);
    here.clock.offsetMs += 60_000;
    expect(await logIn(here, 'first-1')).toBe(201);
  });

  it('are counted where a password is changed, too', async () => {
    const here = await start({ login_failures_per_minute: 2 });
    const id = await newUser(here);
    for (const _ of [1, 2]) expect(await change(here, id, 'wrong', 'x')).toBe(401);
    expect(await change(here, id, 'first-1', 'x')).toBe(429);
  });
});

describe('a user who does not log in', () => {
  const enabledOf = async (here: TestCloud, id: string) =>
    (await here.call('GET', `/v3/users/${id}`, await here.adminToken())).body.user.enabled;

  it('counts as disabled after the days that the rule gives, until it is enabled again', async () => {
    const here = await start({ disable_inactive_days: 3, token_ttl_s: 30 * 86_400 });
    const id = await newUser(here);
    const token = await here.token('anna', 'first-1');
    here.clock.offsetMs += 2 * DAY_MS;
    expect(await enabledOf(here, id)).toBe(true);
    expect(await logIn(here, 'first-1')).toBe(201);
    here.clock.offsetMs += 2 * DAY_MS;
    await here.adminToken();
    expect((await here.call('GET', '/v3/auth/projects', token)).status).toBe(200);
    here.clock.offsetMs += DAY_MS;
    expect(await enabledOf(here, id)).toBe(false);
    expect(await logIn(here, 'first-1')).toBe(401);
    expect(await change(here, id, 'first-1', 'second-2')).toBe(401);
    expect((await here.call('GET', '/v3/auth/projects', token)).status).toBe(401);
    const again = { user: { enabled: true } };
    expect((await here.call('PATCH', `/v3/users/${id}`, await here.adminToken(), again)).body.user.enabled).toBe(true);
    expect(await logIn(here, 'first-1')).toBe(201);
  });

  it('is left alone where it is spared, and services always are', async () => {
    const here = await start({ disable_inactive_days: 1, token_ttl_s: 86_400 });
    await newUser(here, { ignore_user_inactivity: true });
    await here.token('swift', PASSWORDS.service);
    here.clock.offsetMs += 30 * DAY_MS;
    expect(await logIn(here, 'first-1')).toBe(201);
    expect((await here.logIn(passwordIdentity('swift', PASSWORDS.service))).status).toBe(201);
    expect((await here.logIn(passwordIdentity('admin', PASSWORDS.admin))).status).toBe(401);
  });

  it('is heard of by an application credential too, and without the rule stays as it is', async () => {
    const here = await start({ disable_inactive_days: 3, token_ttl_s: 86_400 });
    await newUser(here);
    const demo = await here.demoToken();
    const [user] = (await here.call('GET', '/v3/users?name=demo', admin)).body.users;
    const body = { application_credential: { name: 'robot', secret: 'sesame' } };
    const made = await here.call('POST', `/v3/users/${user.id}/application_credentials`, demo, body);
    const robot = {
      methods: ['application_credential'],
      application_credential: { id: made.body.application_credential.id, secret: 'sesame' },
    };
    for (let day = 0; day < 5; day += 1) {
      here.clock.offsetMs += DAY_MS;
      expect((await here.logIn(robot)).status).toBe(201);
    }
    expect(await logIn(here, 'first-1')).toBe(401);
    here.clock.offsetMs += 5 * DAY_MS;
    expect((await here.logIn(robot)).status).toBe(401);
  });
});

describe('a time-based password', () => {
  const SEED = 'JBSWY3DPEHPK3PXP';
  const key = decodeBase32(SEED) as Buffer;
  const codeNow = (here: TestCloud, steps = 0) => totpAt(key, Math.floor(here.clock.nowMs() / 30_000) + steps);
  const both = (passcode: string, password = 'first-1') => ({
    methods: ['password', 'totp'],
    password: { user: { name: 'anna', domain: { id: 'default' }, password } },
    totp: { user: { name: 'anna', domain: { id: 'default' }, passcode } },
  });

  async function withSeed(config: Partial<AuthConfig> = {}) {
    const here = await start(config);
    const id = await newUser(here);
    const credential = { type: 'totp', blob: SEED, user_id: id };
    expect((await here.call('POST', '/v3/credentials', admin, { credential })).status).toBe(201);
    return { here, id };
  }

  it('is RFC 6238’s', () => {
    const secret = Buffer.from('12345678901234567890');
    expect(totpAt(secret, Math.floor(59 / 30))).toBe('287082');
    expect(totpAt(secret, Math.floor(1_111_111_109 / 30))).toBe('081804');
    expect(totpAt(secret, Math.floor(20_000_000_000 / 30))).toBe('353130');
    expect(decodeBase32('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')).toEqual(secret);
    expect(decodeBase32('1!')).toBeUndefined();
  });

  it('is good once, now or half a minute ago, beside another proof', async () => {
    const { here } = await withSeed();
    const previous = codeNow(here, -1);
    const code = codeNow(here);
    expect((await here.logIn(both(previous))).body.token.methods).toEqual(['password', 'totp']);
    expect((await here.logIn(both(code))).status).toBe(201);
    for (const spent of [code, previous, codeNow(here, -2), codeNow(here, 1), '000000'])
      expect((await here.logIn(both(spent))).status).toBe(401);
    here.clock.offsetMs += 60_000;
    expect((await here.logIn(both(codeNow(here), 'wrong'))).status).toBe(401);
    expect((await here.logIn(both(codeNow(here)))).status).toBe(201);
    here.clock.offsetMs += 60_000;
    const alone = { ...both(codeNow(here)), methods: ['totp'] };
    expect((await here.logIn(alone)).status).toBe(401);
  });
});
