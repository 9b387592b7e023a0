import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runRingCommand } from '../../../cli/commands/ring.ts';
import { loadRing } from '../../../ring/ring-file.ts';

describe('martlet ring', () => {
  let folder: string;
  let file: string;
  let said: string[];
  let answer: string;
  let now: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-ring-cli-'));
    file = join(folder, 'object.builder');
    said = [];
    answer = '';
    now = 1_700_000_000;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  function run(verb: string, ...args: string[]): Promise<number> {
    said = [];
    return runRingCommand(file, verb, args, {
      print: (line) => said.push(line),
      warn: (line) => said.push(line),
      ask: async () => answer,
      nowSeconds: () => now,
      newId: () => 'an-id',
    });
  }

  async function fourDevices(): Promise<void> {
    await run('create', '6', '3', '1');
    await run('add', ...[1, 2, 3, 4].flatMap((zone) => [`r1z${zone}-127.0.0.1:6200/sd${zone}_rack ${zone}`, '100']));
  }

  it('goes from nothing to a ring and its backups', async () => {
    expect(await run('create', '6', '3', '1')).toBe(0);
    expect(await run('add', 'z1-127.0.0.1:6200/sda', '100', 'r2z1-127.0.0.1:6201R127.0.0.2:6301/sdb', '100.5')).toBe(0);
    expect(said[0]).toContain('names no region, region 1 is taken');
    expect(
      await run('add', '--region', '2', '--zone', '2', '--ip', 'Host.Example', '-p', '6202', '-d', 'sdc', '-w', '100'),
    ).toBe(0);
    expect(await run('rebalance', '--seed', 'x')).toBe(0);
    expect(said[0]).toMatch(/^Reassigned 192 \(300\.00%\) partitions\. Balance is now .*Dispersion is now 0\.00$/);
    const { devices } = await loadRing(join(folder, 'object.ring.gz'));
    expect(devices.map((one) => one?.ip)).toEqual(['127.0.0.1', '127.0.0.1', 'host.example']);
    expect((await readdir(join(folder, 'backups'))).sort()).toEqual([
      '1700000000.object.builder',
      '1700000000.object.ring.gz',
    ]);
    expect(await run('validate')).toBe(0);
  });

  it('makes the ring of another storage policy over the same devices', async () => {
    await fourDevices();
    const objects = file;
    file = join(folder, 'object-1.builder');
    expect(await run('create', '5', '2', '1', '--devices-of', objects)).toBe(0);
    expect(await run('rebalance', '--seed', 'x')).toBe(0);
    const ring = await loadRing(join(folder, 'object-1.ring.gz'));
    expect(ring.devices.map((one) => one?.device)).toEqual(['sd1', 'sd2', 'sd3', 'sd4']);
    expect(ring.rowLengths).toHaveLength(2);
    file = join(folder, 'object-2.builder');
    expect(await run('create', '5', '2', '1', '--devices-of')).toBe(2);
    expect(await run('create', '5', '2', '1', '--devices', objects)).toBe(2);
    expect(await run('create', '5', '2', '1', '--devices-of', join(folder, 'absent.builder'))).toBe(2);
  });

  it('makes the same ring from the same seed', async () => {
    const rings = [];
    for (const seed of ['1', '1', '2']) {
      await rm(file, { force: true });
      await fourDevices();
      await run('rebalance', seed);
      rings.push((await readFile(join(folder, 'object.ring.gz'))).toString('base64'));
    }
    expect(rings[1]).toBe(rings[0]);
    expect(rings[2]).not.toBe(rings[0]);
  });

  it('shows the ring, its devices and whether the ring file is current', async () => {
    await fourDevices();
    await run('list');
    expect(said.join('\n')).toContain('it is written by rebalance');
    await run('rebalance');
    await run('list');
    expect(said).toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          '64 partitions, 3.000000 replicas, 1 regions, 4 zones, 4 devices, 0.00 balance, 0.00 dispersion',
        ),
        expect.stringMatching(/\(1:00:00 remaining\)$/),
        `Ring file ${join(folder, 'object.ring.gz')} is up-to-date`,
      ]),
    );
    await run('remove', 'd2');
    await run('list');
    expect(said.join('\n')).toContain('is obsolete');
    expect(said.find((line) => line.includes('rack 3'))).toContain('DEL');
    await writeFile(join(folder, 'object.ring.gz'), 'damaged');
    await run('list');
    expect(said.join('\n')).toContain('Ring file is invalid');
  });

  it('takes the ring file for the builder that belongs to it', async () => {
    await fourDevices();
    file = join(folder, 'object.ring.gz');
    expect(await run('search', '_rack 2')).toBe(0);
    expect(said.at(-1)).toContain('rack 2');
  });

  it('answers 1 when nothing may move, and says how long', async () => {
    await fourDevices();
    await run('rebalance');
    await run('set_weight', 'd0', '50');
    now += 600;
    expect(await run('rebalance')).toBe(1);
    expect(said).toEqual([
      'No partitions could be reassigned.',
      'min_part_hours (1) have not passed: 0:50:00 remaining',
    ]);
    expect(await run('pretend_min_part_hours_passed')).toBe(0);
    expect(await run('rebalance')).toBe(0);
  });

  it('asks before it changes several devices', async () => {
    await fourDevices();
    answer = 'n';
    expect(await run('set_weight', 'r1', '7')).toBe(2);
    expect(await run('remove', 'z1', 'z2')).toBe(2);
    answer = 'y';
    expect(await run('set_weight', 'r1', '7')).toBe(0);
    answer = '';
    expect(await run('set_weight', '--region', '1', '8', '--yes')).toBe(0);
    await run('search', 'd3');
    expect(said.at(-1)).toContain(' 8.00 ');
  });

  it('changes place and information of devices', async () => {
    await fourDevices();
    expect(await run('set_info', 'd0', '10.0.0.9:6300R10.1.0.9/sdz_new')).toBe(0);
    expect(said[0]).toContain('is now d0r1z1-10.0.0.9:6300R10.1.0.9:6200/sdz_"new"');
    expect(await run('set_info', '--id', '1', '--change-port', '6999', '-M', 'other')).toBe(0);
    expect(said[0]).toContain('is now d1r1z2-127.0.0.1:6999R127.0.0.1:6200/sd2_"other"');
    expect(await run('set_region', 'd2', '5')).toBe(0);
    expect(await run('set_zone', 'd2', '6')).toBe(0);
    expect(await run('search', 'r5z6')).toBe(0);
    expect(await run('set_info', 'd2', '10.0.0.9:6300/sdz')).toBe(2);
  });

  it('sets hours, replicas and overload; too much overload is worth a warning', async () => {
    await fourDevices();
    expect(await run('set_min_part_hours', '24')).toBe(0);
    expect(await run('set_replicas', '2.5')).toBe(0);
    expect(await run('set_overload', '10%')).toBe(0);
    expect(said[0]).toContain('10.00% (0.100000)');
    expect(await run('set_overload', '5')).toBe(1);
    await run('list');
    expect(said.join('\n')).toMatch(/2\.500000 replicas.*\n.*24 hours.*\n.*500\.00%/);
  });

  it('reports dispersion by tier, and answers 1 where replicas stand too close', async () => {
    await fourDevices();
    expect(await run('dispersion')).toBe(2);
    await run('rebalance');
    expect(await run('dispersion', 'r1z1$', '--verbose')).toBe(0);
    expect(said.filter((line) => line.includes('r1z'))).toHaveLength(1);
    await run('set_weight', 'd0', '500');
    await run('add', 'r1z1-127.0.0.9:6200/sdx', '500');
    now += 7200;
    expect(await run('rebalance')).toBe(1);
    expect(await run('dispersion')).toBe(1);
    expect(said.at(-1)).toMatch(/^Worst tier is .* \(r1z1\)$/);
  });

  const wrong: [string, string[], RegExp][] = [
    ['fly', [], /not a verb/],
    ['create', ['6', '3', '1'], /exists already/],
    ['create', ['6', '3'], /create <part_power>/],
    ['add', ['r1z1-127.0.0.1:6200/sd1', '100'], /Device 0 already uses/],
    ['add', ['r1z9-127.0.0.1:6200/sd9'], /pairs/],
    ['add', ['r1z9-127.0.0.1:6200/sd9', 'heavy'], /'heavy' is not a number/],
    ['add', ['r1z9-127.0.0.1:6200/sd9', '-5'], /./],
    ['add', ['--region', '1'], /a device needs/],
    ['search', ['d77'], /No matching devices/],
    ['search', [], /search value or options/],
    ['remove', ['d77'], /nothing was changed/],
    ['set_weight', ['d0'], /pairs/],
    ['set_replicas', ['0'], /replica count/],
    ['set_overload', ['x'], /not a number/],
    ['set_min_part_hours', ['1.5'], /not a whole number/],
    ['rebalance', ['--unknown'], /unknown/i],
    ['validate', [], /rebalance first/],
    ['dispersion', ['('], /rebalance first/],
  ];
  for (const [verb, args, message] of wrong)
    it(`refuses ${[verb, ...args].join(' ')} with 2 and leaves the builder as it was`, async () => {
      await fourDevices();
      const before = await readFile(file, 'utf8');
      expect(await run(verb, ...args)).toBe(2);
      expect(said.join('\n')).toMatch(message);
      expect(await readFile(file, 'utf8')).toBe(before);
    });

  it('says how to begin when there is no builder', async () => {
    expect(await run('rebalance')).toBe(2);
    expect(said[0]).toContain('create');
  });
});
