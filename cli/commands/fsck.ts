import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { StartError } from '../../common/errors.ts';
import { EX_DATAERR } from '../../common/exit-codes.ts';
import { createLogger } from '../../common/log.ts';
import { checkDevice, type DeviceCheck } from '../../object-server/housekeeping/check-device.ts';
import { takeDataFolder } from '../data-folder.ts';
import { loadNodeFile } from '../node-file.ts';
import { assertCloud } from '../stopped-cloud.ts';

/** Problems were found, and at least one is left. */

interface FsckFlags {
  data: string;
  repair: boolean;
}

/** Holds the objects of a stopped node against their index. */
export function registerFsckCommand(program: Command): void {
  program
    .command('fsck')
    .description('check the objects of each device: slabs, large bodies and index; Martlet must be stopped')
    .argument('[device...]', 'names of devices; all of this node unless told')
    .option('--data <dir>', 'data folder', 'martlet-data')
    .option('--repair', 'mend what can be mended; without it nothing is changed', false)
    .action(fsck);
}

async function fsck(names: string[], { data, repair }: FsckFlags): Promise<void> {
  const dataPath = resolve(data);
  await assertCloud(dataPath);
  const folder = await takeDataFolder(dataPath);
  try {
    const { devices } = await loadNodeFile(dataPath);
    const unknown = names.find((name) => !devices.includes(name));
    if (unknown !== undefined)
      throw new StartError(`this node has no device ${unknown}: it has ${devices.join(', ')}`, EX_DATAERR);
    const logger = createLogger('error');
    let left = 0;
    for (const name of names.length > 0 ? names : devices) {
      const check = await checkDevice(join(dataPath, 'devices', name), { repair, logger });
      process.stdout.write(reportOf(name, check));
      left += check.problemCount - check.problems.filter(({ repaired }) => repaired).length;
    }
    if (left > 0) process.exitCode = EX_DATAERR;
  } finally {
    await folder.release();
  }
}

function reportOf(name: string, check: DeviceCheck): string {
  const { segments, needles, versions, largeFiles, pending, damaged, problems, problemCount } = check;
  const lines = [
    `${name}: ${segments} segments, ${needles} needles, ${versions} versions, ${largeFiles} large bodies, ` +
      `${pending} listing updates to be sent, ${damaged} versions set aside before`,
    ...problems.map(({ kind, what, repaired }) => `  ${repaired ? 'repaired' : 'found'} ${kind}: ${what}`),
  ];
  const unnamed = problemCount - problems.length;
  if (unnamed > 0) lines.push(`  and ${unnamed} more`);
  if (problemCount === 0) lines.push('  sound');
  return `${lines.join('\n')}\n`;
}
