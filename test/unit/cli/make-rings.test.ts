import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadRings, objectRingName } from '../../../cli/node-rings.ts';
import { makeRings } from '../../../cli/start/make-rings.ts';
import { policiesOf } from '../../support/swift-fakes/policy-config.ts';

const NODE = {
  address: '127.0.0.1',
  objectPort: 6200,
  containerPort: 6201,
  accountPort: 6202,
  devices: ['d1', 'd2', 'd3', 'd4'],
};
const POLICIES = policiesOf(
  { index: 0, name: 'gold', replicas: 3 },
  { index: 4, name: 'silver', replicas: 2 },
  { index: 11, name: 'scratch', replicas: 1 },
);

describe('rings of a new cloud', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-rings-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('one for accounts, one for containers, one per storage policy with its replicas', async () => {
    await makeRings(folder, NODE, POLICIES);
    expect((await readdir(folder)).filter((name) => name.endsWith('.ring.gz')).sort()).toEqual([
      'account.ring.gz',
      'container.ring.gz',
      'object-11.ring.gz',
      'object-4.ring.gz',
      'object.ring.gz',
    ]);
    const rings = await loadRings(folder, POLICIES);
    expect(rings.objects.map(({ policyIndex, ring }) => [policyIndex, ring.rowLengths.length])).toEqual([
      [0, 3],
      [4, 2],
      [11, 1],
    ]);
    expect(rings.container.rowLengths).toHaveLength(3);
  });

  it('a policy that wants more replicas than there are devices is refused', async () => {
    const greedy = policiesOf({ index: 0, name: 'greedy', replicas: 5 });
    await expect(makeRings(folder, NODE, greedy)).rejects.toThrow(
      /'greedy' wants 5 replicas; a new cloud has 4 devices/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('an erasure coding policy has a replica for each fragment', async () => {
    const coded = { type: 'erasure_coding' as const, data_fragments: 2 };
    const policies = policiesOf({ index: 0, name: 'coded', ...coded, parity_fragments: 2 });
    await makeRings(folder, NODE, policies);
    expect((await loadRings(folder, policies)).objects[0]?.ring.rowLengths).toHaveLength(4);
    const other = policiesOf({ index: 0, name: 'coded', ...coded, parity_fragments: 1 });
    await expect(loadRings(folder, other)).rejects.toThrow(/'coded' has 4 replicas: one for each fragment makes 3/);
  });

  it('a policy without a ring names the file and how it is made', async () => {
    await makeRings(folder, NODE, POLICIES.slice(0, 1));
    await expect(loadRings(folder, POLICIES.slice(0, 2))).rejects.toThrow(
      /object-4\.ring\.gz \(storage policy 'silver'\): it is not there; make it with 'martlet ring .*object-4\.builder create'/,
    );
    expect([0, 1, 12].map(objectRingName)).toEqual(['object', 'object-1', 'object-12']);
  });
});
