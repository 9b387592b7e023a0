import { afterEach, describe, expect, it } from 'vitest';
import type { AuthConfig } from '../../../auth/config.ts';
import { decodeBase32, totpAt } from '../../../auth/passwords/totp.ts';
import { type Answer, passwordIdentity, TestCloud, tokenIdentity } from '../../support/auth/test-cloud.ts';

const SEED = 'JBSWY3DPEHPK3PXP';
const key = decodeBase32(SEED) as Buffer;
const STEP_MS = 30_000;
const user = { name: 'anna', domain: { id: 'default' } };

let cloud: TestCloud | undefined;
afterEach(() => cloud?.stop());

/** A cloud with a user who has a TOTP seed and has to give what the rules say. */
async function startWithRules(rules: string[][], config: Partial<AuthConfig> = {}) {
  const here = await TestCloud.start({ config });
  cloud = here;
  const admin = await here.adminToken();
  const made = await here.call('POST', '/v3/users', admin, { user: { name: 'anna', password: 'first-1' } });
  const id: string = made.body.user.id;
  const credential = { type: 'totp', blob: SEED, user_id: id };
  expect((await here.call('POST', '/v3/credentials', admin, { credential })).status).toBe(201);
  const setOptions = async (options: object) => {
    expect((await here.call('PATCH', `/v3/users/${id}`, admin, { user: { options } })).status).toBe(200);
  };
  await setOptions({ multi_factor_auth_enabled: true, multi_factor_auth_rules: rules });
  return { here, admin, id, setOptions };
}

/** A code that was not used before: each call takes the next time step. */
function nextCode(here: TestCloud): string {
  here.clock.offsetMs += STEP_MS;
  return totpAt(key, Math.floor(here.clock.nowMs() / STEP_MS));
}

const byPassword = (password = 'first-1') => passwordIdentity('anna', password);
const byTotp = (passcode: string) => ({ methods: ['totp'], totp: { user: { ...user, passcode } } });
const byBoth = (passcode: string) => ({ ...byPassword(), ...byTotp(passcode), methods: ['password', 'totp'] });

async function goOn(here: TestCloud, receipt: string, identity: unknown): Promise<Answer> {
  const response = await here.service.app.inject({
    method: 'POST',
    url: '/v3/auth/tokens',
    headers: { 'openstack-auth-receipt': receipt },
    payload: { auth: { identity } },
  });
  return { status: response.statusCode, headers: response.headers, body: response.json() };
}

const receiptOf = ({ headers }: Answer) => String(headers['openstack-auth-receipt']);

describe('rules that ask for several proofs', () => {
  const RULES = [['password', 'totp'], ['fingerprint']];

  it('are kept by all proofs at once, and by what comes of the token', async () => {
    const { here, setOptions } = await startWithRules(RULES);
    expect((await here.logIn(byPassword())).status).toBe(401);
    const answer = await here.logIn(byBoth(nextCode(here)));
    expect(answer.status).toBe(201);
    const token = String(answer.headers['x-subject-token']);
    expect((await here.logIn(tokenIdentity(token))).status).toBe(201);
    await setOptions({ multi_factor_auth_enabled: false });
    expect((await here.logIn(byPassword())).status).toBe(201);
  });

  it('answer one proof with a receipt that says what is missing and opens nothing', async () => {
    const { here, id } = await startWithRules([...RULES, ['token', 'totp']]);
    const answer = await here.logIn(byPassword());
    expect([answer.status, answer.headers['x-subject-token']]).toEqual([401, undefined]);
    expect(answer.body).toEqual({
      receipt: {
        methods: ['password'],
        user: { id, name: 'anna', domain: { id: 'default', name: 'Default' } },
        issued_at: expect.stringMatching(/Z$/),
        expires_at: expect.stringMatching(/Z$/),
      },
      required_auth_methods: [['password', 'totp']],
    });
    const { issued_at, expires_at } = answer.body.receipt;
    expect(Date.parse(expires_at) - Date.parse(issued_at)).toBe(300_000);
    const receipt = receiptOf(answer);
    expect((await here.call('GET', '/v3/auth/projects', receipt)).status).toBe(401);
    expect((await here.logIn(tokenIdentity(receipt))).status).toBe(404);
  });

  it('are kept by the second proof with the receipt, whose methods the token has', async () => {
    const { here } = await startWithRules(RULES);
    const receipt = receiptOf(await here.logIn(byPassword()));
    const answer = await goOn(here, receipt, byTotp(nextCode(here)));
    expect(answer.status).toBe(201);
    expect([...answer.body.token.methods].sort()).toEqual(['password', 'totp']);
    expect((await here.call('GET', '/v3/auth/projects', String(answer.headers['x-subject-token']))).status).toBe(200);
  });

  it('take no other proof for the second, no receipt twice over, and no token for a receipt', async () => {
    const { here } = await startWithRules(RULES);
    const receipt = receiptOf(await here.logIn(byPassword()));
    expect((await goOn(here, receipt, byTotp('000000'))).status).toBe(401);
    expect((await goOn(here, receipt, byPassword('wrong'))).headers['openstack-auth-receipt']).toBeUndefined();
    const code = nextCode(here);
    expect((await goOn(here, 'rubbish', byTotp(code))).status).toBe(401);
    expect((await goOn(here, await here.adminToken(), byTotp(code))).status).toBe(401);
    const other = {
      methods: ['password'],
      password: { user: { name: 'demo', domain: user.domain, password: 'demo-secret' } },
    };
    expect((await goOn(here, receipt, other)).status).toBe(401);
    expect((await goOn(here, receipt, byTotp(code))).status).toBe(201);
  });

  it('end a receipt after its time, and a receipt that follows on it with it', async () => {
    const { here } = await startWithRules([['password', 'totp', 'token']], { receipt_ttl_s: 300 });
    const first = await here.logIn(byPassword());
    here.clock.offsetMs += 200_000;
    const second = await goOn(here, receiptOf(first), byPassword());
    expect([second.status, second.body.receipt.expires_at]).toEqual([401, first.body.receipt.expires_at]);
    here.clock.offsetMs += 100_000;
    for (const receipt of [receiptOf(first), receiptOf(second)]) {
      const late = await goOn(here, receipt, byTotp(nextCode(here)));
      expect([late.status, late.headers['openstack-auth-receipt']]).toEqual([401, undefined]);
    }
  });

  it.each([{ password: 'second-2' }, { enabled: false }])('end a receipt when the user changes: %j', async (change) => {
    const { here, admin, id } = await startWithRules(RULES);
    const receipt = receiptOf(await here.logIn(byPassword()));
    expect((await here.call('PATCH', `/v3/users/${id}`, admin, { user: change })).status).toBe(200);
    await here.call('PATCH', `/v3/users/${id}`, admin, { user: { enabled: true } });
    expect((await goOn(here, receipt, byTotp(nextCode(here)))).status).toBe(401);
  });

  it('give no receipt for a token: what it is good for ends with it', async () => {
    const { here, setOptions } = await startWithRules([]);
    const token = await here.token('anna', 'first-1');
    await setOptions({ multi_factor_auth_rules: RULES });
    const answer = await here.logIn(tokenIdentity(token));
    expect([answer.status, answer.headers['openstack-auth-receipt']]).toEqual([401, undefined]);
  });

  it('say that a password has expired before they give a receipt for it', async () => {
    const { here } = await startWithRules(RULES, { password_expires_days: 1 });
    here.clock.offsetMs += 2 * 86_400_000;
    const answer = await here.logIn(byPassword());
    expect(answer.headers['openstack-auth-receipt']).toBeUndefined();
    expect(answer.body.error.message).toContain('expired');
  });

  it('count a wrong second proof like any wrong login', async () => {
    const { here } = await startWithRules(RULES, { lockout_failures: 2 });
    const receipt = receiptOf(await here.logIn(byPassword()));
    for (const _ of [1, 2]) expect((await goOn(here, receipt, byTotp('000000'))).status).toBe(401);
    expect((await goOn(here, receipt, byTotp(nextCode(here)))).status).toBe(401);
  });

  it('lock out who guesses the second proof, however often the first is right', async () => {
    const { here } = await startWithRules(RULES, { lockout_failures: 3 });
    for (const _ of [1, 2, 3]) {
      expect((await here.logIn(byBoth('000000'))).status).toBe(401);
      await here.logIn(byPassword());
    }
    expect((await here.logIn(byBoth(nextCode(here)))).status).toBe(401);
    here.clock.offsetMs += 1_800_000;
    expect((await here.logIn(byBoth('000000'))).status).toBe(401);
    expect((await here.logIn(byBoth(nextCode(here)))).status).toBe(201);
    for (const _ of [1, 2]) expect((await here.logIn(byBoth('000000'))).status).toBe(401);
    expect((await here.logIn(byBoth(nextCode(here)))).status).toBe(201);
  });

  it('hold for application credentials, which are one proof', async () => {
    const { here, setOptions } = await startWithRules([]);
    const demo = await here.demoToken();
    const id = (await here.ask('GET', demo, demo)).body.token.user.id;
    const body = { application_credential: { name: 'robot', secret: 'sesame' } };
    const made = await here.call('POST', `/v3/users/${id}/application_credentials`, demo, body);
    const robot = {
      methods: ['application_credential'],
      application_credential: { id: made.body.application_credential.id, secret: 'sesame' },
    };
    const admin = await here.adminToken();
    const ask = async (rules: string[][]) => {
      const options = { multi_factor_auth_rules: rules };
      await here.call('PATCH', `/v3/users/${id}`, admin, { user: { options } });
      return (await here.logIn(robot)).status;
    };
    expect(await ask([['password', 'totp']])).toBe(401);
    expect(await ask([['password', 'totp'], ['application_credential']])).toBe(201);
    await setOptions({ multi_factor_auth_enabled: null });
  });
});
