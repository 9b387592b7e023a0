import { afterAll, beforeAll, expect, it } from 'vitest';
import { Martlet } from '../../support/martlet.ts';
import { knownSkips, runTempest, type TempestResult } from '../../support/tempest/run.ts';

/** Every identity test of tempest 33: fewer would mean that tempest has not looked. */
const FEWEST_PASSED = 130;

let martlet: Martlet;
let result: TempestResult;

beforeAll(async () => {
  martlet = await Martlet.start({
    args: ['--only', 'auth'],
    environment: {
      // What tempest's tests of security compliance expect to be configured.
      MARTLET_AUTH__LOCKOUT_FAILURES: '2',
      MARTLET_AUTH__LOCKOUT_S: '5',
      MARTLET_AUTH__PASSWORD_HISTORY: '2',
      MARTLET_AUTH__PASSWORD_HASH_COST: '10',
    },
  });
  result = await runTempest({
    martlet,
    regex: '^tempest\\.api\\.identity\\.(admin\\.)?v3',
    concurrency: 2,
    config: {
      identity: {
        user_lockout_failure_attempts: '2',
        user_lockout_duration: '5',
        user_unique_last_password_count: '2',
      },
      'identity-feature-enabled': {
        security_compliance: 'true',
        access_rules: 'true',
      },
    },
  });
}, 600_000);
afterAll(() => martlet.remove());

it('every identity test of tempest passes, or is listed with a reason', async () => {
  const known = await knownSkips('identity');
  const unexpected = result.failed.filter((name) => !known.has(name));
  const reasons = unexpected.map((name) => result.output.slice(result.output.indexOf(name)).slice(0, 3000));
  expect(unexpected, `${reasons.join('\n\n')}\n${result.output.slice(-2000)}`).toEqual([]);
  const skipped = result.skipped.filter((line) => !known.has(line.split(':')[0] ?? ''));
  expect(skipped).toEqual([]);
  expect(result.passed.length).toBeGreaterThanOrEqual(FEWEST_PASSED);
});

it('no listed test passes', async () => {
  const known = await knownSkips('identity');
  expect(result.passed.filter((name) => known.has(name))).toEqual([]);
});
