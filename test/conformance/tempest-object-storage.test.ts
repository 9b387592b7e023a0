import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePortOffset } from '../support/free-ports.ts';
import { Martlet } from '../support/martlet.ts';
import { knownSkips, runTempest, type TempestResult } from '../support/tempest/run.ts';

/** Tempest 33 has 143 tests of object storage: fewer would mean that it has not looked. */
const FEWEST_RUN = 135;

let martlet: Martlet;
let folder: string;
let result: TempestResult;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-realms-'));
  const portOffset = await freePortOffset();
  const realms = join(folder, 'container-sync-realms.conf');
  // Tempest synchronizes two containers of one cluster.
  const endpoint = `http://127.0.0.1:${8080 + portOffset}/v1/`;
  await writeFile(realms, `[realm1]\nkey = realmkey\ncluster_name1 = ${endpoint}\n`, { mode: 0o600 });
  martlet = await Martlet.start({
    args: ['--only', 'auth,proxy'],
    portOffset,
    environment: {
      // Tempest signs forms with SHA-1 only.
      MARTLET_PROXY__FORMPOST__ALLOWED_DIGESTS: '[sha1, sha256]',
      MARTLET_PROXY__CONTAINER_SYNC__REALMS: realms,
      MARTLET_PROXY__CONTAINER_SYNC__INTERVAL: '1',
    },
  });
  result = await runTempest({
    martlet,
    regex: '^tempest\\.(api\\.object_storage|scenario\\.test_object_storage)',
    concurrency: 2,
    config: {
      'object-storage': {
        operator_role: 'member',
        reseller_admin_role: 'ResellerAdmin',
        realm_name: 'realm1',
        cluster_name: 'name1',
        container_sync_timeout: '60',
        container_sync_interval: '1',
      },
      'object-storage-feature-enabled': { container_sync: 'false', discoverability: 'true' },
      service_available: { swift: 'true' },
    },
  });
}, 900_000);
afterAll(async () => {
  await martlet.remove();
  await rm(folder, { recursive: true, force: true });
});

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
