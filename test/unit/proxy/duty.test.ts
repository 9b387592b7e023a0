import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { timestampedRows } from '../../../proxy/actions/note-rows.ts';
import { DutyRoster } from '../../../proxy/daemons/duty.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const INTERVAL_MS = 1000;
const CONTAINERS = Array.from({ length: 200 }, (_, index) => `c${index}`);

describe('the work of daemons', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
  });

  afterEach(() => swift.stop());

  function rosterOf(node: string, hasAllDevices = false): DutyRoster {
    const cluster = { ...swift.services.cluster, isLocal: () => hasAllDevices };
    return new DutyRoster({ cluster, node, intervalMs: INTERVAL_MS });
  }

  /** Who says that a container is its own: the indexes of the rosters, for each container. */
  async function shares(rosters: readonly DutyRoster[]): Promise<number[][]> {
    return Promise.all(
      CONTAINERS.map(async (container) => {
        const said = await Promise.all(rosters.map((roster) => roster.isOurs('a', container)));
        return said.flatMap((isOurs, index) => (isOurs ? [index] : []));
      }),
    );
  }

  const noted = () =>
    timestampedRows(swift.services.cluster, { account: '.daemons', container: 'nodes' }, '', 100).then((rows) =>
      rows.map(({ name }) => name),
    );

  /** Each says that it is there, and hears of those that said so before. */
  async function beat(rosters: readonly DutyRoster[]): Promise<void> {
    for (const roster of rosters) {
      swift.nowMs += INTERVAL_MS / 10;
      await roster.isOurs('a', '');
    }
  }

  it('falls to one node each, and to all of them alike', async () => {
    const rosters = ['one', 'two', 'three'].map((node) => rosterOf(node));
    await beat(rosters);
    swift.nowMs += INTERVAL_MS + 1;
    await beat(rosters);
    const said = await shares(rosters);
    expect(said.every((owners) => owners.length === 1)).toBe(true);
    for (const index of rosters.keys())
      expect(said.filter(([owner]) => owner === index).length).toBeGreaterThan(CONTAINERS.length / 6);
  });

  it('of a node that is silent falls to the others, and what is theirs stays theirs', async () => {
    const rosters = ['one', 'two', 'three'].map((node) => rosterOf(node));
    const living = rosters.slice(1);
    await beat(rosters);
    swift.nowMs += INTERVAL_MS + 1;
    await beat(rosters);
    const before = await shares(rosters);
    for (let time = 0; time < 5; time += 1) {
      swift.nowMs += INTERVAL_MS + 1;
      await beat(living);
    }
    const after = await shares(living);
    expect(after.every((owners) => owners.length === 1)).toBe(true);
    for (const [index, [owner]] of before.entries()) if (owner !== 0) expect(after[index]).toEqual([(owner ?? 0) - 1]);
  });

  it('is all of a node alone, which writes nothing; not when another one comes', async () => {
    const alone = rosterOf('one', true);
    expect(await alone.isOurs('a', 'c')).toBe(true);
    expect(await noted()).toEqual([]);
    const other = rosterOf('two');
    await beat([other]);
    swift.nowMs += INTERVAL_MS + 1;
    await beat([alone, other]);
    expect(await noted()).toEqual(['one', 'two']);
    expect((await shares([alone, other])).every((owners) => owners.length === 1)).toBe(true);
  });

  it('is not lost while nobody can be asked', async () => {
    for (const store of swift.listings.values()) store.unavailable = true;
    expect(await rosterOf('one').isOurs('a', 'c')).toBe(true);
  });

  it('forgets nodes that have been gone for a day', async () => {
    await beat([rosterOf('one')]);
    swift.nowMs += 86_400_001;
    await beat([rosterOf('two')]);
    expect(await noted()).toEqual(['two']);
  });
});
