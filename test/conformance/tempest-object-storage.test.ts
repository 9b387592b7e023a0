import { afterAll, beforeAll, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { knownSkips, runTempest, type TempestResult } from '../support/tempest/run.ts';

/** Tempest 33 has 143 tests of object storage: fewer would mean that it has not looked. */
const FEWEST_RUN = 135;

let martlet: Martlet;
let result: TempestResult;

beforeAll(async () => {
  martlet = await Martlet.start({
    args: ['--only', 'auth,proxy'],
    // Tempest signs forms with SHA-1 only.
    environment: { MARTLET_PROXY__FORMPOST__ALLOWED_DIGESTS: '[sha1, sha256]' },
  });
  const { OS_PASSWORD = '' } = await martlet.environment('admin');
  result = await runTempest({
    regex: '^tempest\\.(api\\.object_storage|scenario\\.test_object_storage)',
    concurrency: 2,
    config: {
      auth: {
        use_dynamic_credentials: 'true',
        create_isolated_networks: 'false',
        admin_username: 'admin',
        admin_password: OS_PASSWORD,
        admin_project_name: 'admin',
        admin_domain_name: 'Default',
      },
      identity: {
        auth_version: 'v3',
        uri_v3: martlet.url(5000, '/v3'),
        v3_endpoint_type: 'public',
        region: 'RegionOne',
      },
      'identity-feature-enabled': { api_v2: 'false', api_v2_admin: 'false' },
      'object-storage': {
        operator_role: 'member',
        reseller_admin_role: 'ResellerAdmin',
        realm_name: 'realm1',
        cluster_name: 'name1',
        container_sync_timeout: '2',
        container_sync_interval: '1',
      },
      'object-storage-feature-enabled': { container_sync: 'false', discoverability: 'true' },
      service_available: { neutron: 'false', nova: 'false', cinder: 'false', glance: 'false', swift: 'true' },
    },
  });
}, 900_000);
afterAll(() => martlet.remove());

it('every object storage test of tempest passes, or is listed with a reason', async () => {
  const known = await knownSkips('object-storage');
  const unexpected = [...result.failed, ...result.skipped.map(nameOf)].filter((name) => !known.has(name));
  const reasons = unexpected.map((name) => result.output.slice(result.output.indexOf(name)).slice(0, 3000));
  expect(unexpected, `${reasons.join('\n\n')}\n${result.output.slice(-2000)}`).toEqual([]);
  expect(result.passed.length + result.failed.length + result.skipped.length).toBeGreaterThanOrEqual(FEWEST_RUN);
});

it('no listed test passes', async () => {
  const known = await knownSkips('object-storage');
  expect(result.passed.filter((name) => known.has(name))).toEqual([]);
});

/** Name of a line `<name>: <reason>`. */
function nameOf(line: string): string {
  return line.split(':')[0] ?? '';
}
