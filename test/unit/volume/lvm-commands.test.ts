import { expect, it } from 'vitest';
import { LvmDriver } from '../../../volume/drivers/lvm.ts';
import type { CommandResult, RunCommand } from '../../../volume/drivers/run-command.ts';

const ID = '11111111-1111-4111-8111-111111111111';
const NAME = `volume-${ID}`;

/** LVM as far as it is asked: answers by command, notes the argument arrays. */
function fakeLvm(answers: Record<string, Partial<CommandResult>>, calls: string[][] = []): RunCommand {
  return async (program, commandArguments, { environment }) => {
    calls.push([program, ...commandArguments]);
    expect(environment).toEqual({ LVM_SYSTEM_DIR: '/private' });
    const answer = answers[commandArguments[0] ?? ''] ?? {};
    return { exitCode: 0, stdout: '{"report":[]}', stderr: '', missing: false, ...answer };
  };
}

function driver(run: RunCommand): LvmDriver {
  return new LvmDriver({
    run,
    volumeGroup: 'vg',
    extraArguments: ['--driverloaded', 'n'],
    systemDir: '/private',
    activate: false,
  });
}

const report = (kind: string, ...rows: object[]): string => JSON.stringify({ report: [{ [kind]: rows }] });
const group = report('vg', { vg_size: '1073741824', vg_free: '536870912', vg_extent_size: '4194304' });

it('creates with sizes in bytes, names of its own and the extra arguments', async () => {
  const calls: string[][] = [];
  await driver(fakeLvm({}, calls)).create(ID, 2 ** 30);
  expect(calls.at(-1)).toEqual([
    ...[
      'lvm',
      'lvcreate',
      '--driverloaded',
      'n',
      '-W',
      'n',
      '-Z',
      'n',
      '-an',
      '-y',
      '-n',
      NAME,
      '-L',
      '1073741824b',
      'vg',
    ],
  ]);
});

it('does not create what is there already', async () => {
  const calls: string[][] = [];
  const lvs = { stdout: report('lv', { lv_name: NAME, lv_size: '1073741824' }) };
  await driver(fakeLvm({ lvs }, calls)).create(ID, 2 ** 30);
  expect(calls.map(([, command]) => command)).toEqual(['lvs']);
});

it('maps segments to byte ranges of the physical volumes, in the volume’s order', async () => {
  const segment = (start: string, ranges: string) => ({
    lv_name: NAME,
    lv_size: '12582912',
    segtype: 'linear',
    seg_start_pe: start,
    seg_pe_ranges: ranges,
  });
  const lvs = { stdout: report('lv', segment('2', '/dev/b:0-0'), segment('0', '/dev/a:10-11')) };
  const pvs = {
    stdout: report('pv', { pv_name: '/dev/a', pe_start: '1048576' }, { pv_name: '/dev/b', pe_start: '2097152' }),
  };
  const { extents } = await driver(fakeLvm({ lvs, pvs, vgs: { stdout: group } })).backing(ID);
  expect(extents).toEqual([
    { path: '/dev/a', offsetBytes: 1048576 + 10 * 4194304, lengthBytes: 2 * 4194304 },
    { path: '/dev/b', offsetBytes: 2097152, lengthBytes: 4194304 },
  ]);
});

it('a volume that is not linear is refused, not misread', async () => {
  const row = { lv_name: NAME, lv_size: '4194304', segtype: 'thin', seg_start_pe: '0', seg_pe_ranges: '' };
  const lvm = fakeLvm({ lvs: { stdout: report('lv', row) }, vgs: { stdout: group } });
  await expect(driver(lvm).backing(ID)).rejects.toThrow('no linear logical volume');
});

it.each([
  ['insufficient free space (206 extents): 225 required.', 'PoolFull'],
  ['Insufficient suitable contiguous allocatable extents for logical volume', 'PoolFull'],
  ['Failed to suspend logical volume', 'LvmCommandFailed'],
])('what LVM says (%s) becomes %s', async (stderr, code) => {
  const lvm = fakeLvm({ lvcreate: { exitCode: 5, stderr } });
  await expect(driver(lvm).create(ID, 2 ** 30)).rejects.toMatchObject({ code });
});

it('without LVM says what to install', async () => {
  const lvm = fakeLvm({ vgs: { exitCode: undefined, missing: true } });
  await expect(driver(lvm).start()).rejects.toThrow('apt-get install lvm2');
});
