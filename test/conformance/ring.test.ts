import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../ring/builder/random.ts';
import type { Ring } from '../../ring/contract.ts';
import { ringOf } from '../../ring/lookup.ts';
import { loadRing, publishRing } from '../../ring/ring-file.ts';
import { device, play, scenarios, thousandDevices } from '../support/ring/scenarios.ts';
import { buildWithSwift, lookUpWithSwift, measureWithSwift, rewriteWithSwift } from '../support/ring/swift-judge.ts';

const NAMES = 100_000;
const HANDOFFS = 6;
const FULL = 200;
const SEED = 1;
/** Swift shows balance and dispersion with two digits; this is far below. */
const NOISE = 1e-6;

const prefix = randomBytes(8).toString('hex');
const suffix = randomBytes(8).toString('hex');

describe("rings, judged by Debian's Swift", () => {
  let folder: string;
  let names: string;
  let lines: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-ring-'));
    lines = randomNames(`${prefix}${suffix}`);
    names = join(folder, 'names');
    await writeFile(names, `${lines.join('\n')}\n`);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function expectSameLookups(path: string): Promise<void> {
    const out = join(folder, 'answers');
    const swift = await lookUpWithSwift({ ring: path, prefix, suffix, names, handoffs: HANDOFFS, full: FULL, out });
    const ring = ringOf(await loadRing(path), { prefix, suffix });
    expect({ replica_count: ring.replicaCount, part_power: ring.partPower }).toEqual(swift);
    const answers = (await readFile(out, 'utf8')).trimEnd().split('\n');
    expect(answers).toHaveLength(NAMES);
    const different = lines.flatMap((line, number) => {
      const ours = lookUp(ring, line, number < FULL ? ring.devices.length : HANDOFFS);
      return ours === answers[number] ? [] : [`${line}: ${ours} here, ${answers[number]} there`];
    });
    expect(different).toEqual([]);
  }

  for (const scenario of scenarios) {
    it(`finds ${NAMES} names where Swift finds them, in our ring and in Swift's: ${scenario.name}`, async () => {
      const ours = join(folder, 'ours.ring.gz');
      await publishRing(ours, play(scenario, `${SEED}`).builder.ringData());
      await expectSameLookups(ours);
      expect(await rewriteWithSwift(ours, join(folder, 'rewritten.ring.gz'))).toEqual({ same: true });

      const theirs = join(folder, 'theirs.ring.gz');
      await buildWithSwift(scenario, SEED, theirs);
      await expectSameLookups(theirs);
    });

    it(`balances and spreads no worse than Swift: ${scenario.name}`, async () => {
      const path = join(folder, 'quality.ring.gz');
      await publishRing(path, play(scenario, `${SEED}`).builder.ringData());
      const ours = await measureWithSwift(path, scenario.steps.at(-1)?.replicas ?? scenario.replicas);
      const swift = await buildWithSwift(scenario, SEED);
      expect(ours.balance, 'balance').toBeLessThanOrEqual(swift.balance + NOISE);
      expect(ours.dispersion, 'dispersion').toBeLessThanOrEqual(swift.dispersion + NOISE);
    });
  }

  it('moves no more than Swift when one of a thousand disks is added, and balances better', async () => {
    const added = device({ id: 1000, region: 1, zone: 1, ip: '10.1.1.1', device: 'new', weight: 8000 });
    const scenario = {
      name: '',
      partPower: 18,
      replicas: 3,
      overload: 0,
      steps: [{ add: thousandDevices }, { add: [added] }],
    };
    const swift = await buildWithSwift(scenario, SEED);
    const ours = play(scenario, `${SEED}`).results;
    expect(ours[1]?.movedReplicas).toBeLessThanOrEqual(swift.moved[1] ?? 0);
    expect(ours[1]?.balance).toBeLessThanOrEqual(swift.balance);
    expect(ours[1]?.dispersion).toBeLessThanOrEqual(swift.dispersion);
  });
});

/** Names of accounts, containers and objects, one JSON list each; every third names an account or container alone. */
function randomNames(seed: string): string[] {
  const random = new Random(seed);
  const alphabet = [...'abcdefghijklmnopqrstuvwxyz0123456789-_./ "%?#äß日本語😀'];
  const word = (longest: number) =>
    Array.from({ length: 1 + random.below(longest) }, () => alphabet[random.below(alphabet.length)]).join('');
  return Array.from({ length: NAMES }, (_, number) => {
    const parts = [`AUTH_${word(32)}`, word(40).replaceAll('/', '+'), word(100)];
    return JSON.stringify(parts.slice(0, number % 6 === 0 ? 1 : number % 3 === 0 ? 2 : 3));
  });
}

function lookUp(ring: Ring, line: string, limit: number): string {
  const [account, container, object] = JSON.parse(line) as [string, string?, string?];
  const partition = ring.partitionOf(account, container, object);
  const handoffs: number[] = [];
  for (const { id } of ring.handoffs(partition)) {
    if (handoffs.length === limit) break;
    handoffs.push(id);
  }
  return `${partition}|${ring.primaries(partition).map(({ id }) => id)}|${handoffs}`;
}
