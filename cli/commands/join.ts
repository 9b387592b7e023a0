import { resolve } from 'node:path';
import type { Command } from 'commander';
import { StartError } from '../../common/errors.ts';
import { EX_USAGE } from '../../common/exit-codes.ts';
import { joinCloud } from '../join-file.ts';
import { BASE_PORTS } from '../ports.ts';

interface JoinFlags {
  data: string;
  host: string;
  portOffset: string;
  devices: string;
}

export function registerJoinCommand(program: Command): void {
  program
    .command('join')
    .description('make a data folder part of the cloud whose join.yaml this is')
    .argument('<file>', 'join.yaml of the node with auth')
    .option('--data <dir>', 'data folder to make', 'martlet-data')
    .option('--host <addr>', 'address of this node, as the rings shall name it', '127.0.0.1')
    .option('--port-offset <n>', 'port offset of this node, as the rings shall name it', '0')
    .option('--devices <names>', 'comma-separated names of its devices', 'd1,d2,d3,d4')
    .action(async (file: string, flags: JoinFlags) => {
      const offset = Number(flags.portOffset);
      await joinCloud(file, resolve(flags.data), {
        address: flags.host,
        objectPort: BASE_PORTS.objects + offset,
        containerPort: BASE_PORTS.containers + offset,
        accountPort: BASE_PORTS.accounts + offset,
        devices: parseDevices(flags.devices),
      });
      process.stdout.write(
        `joined; now add its devices to the rings of the nodes with a proxy, and start it with --only object-server,container-server\n`,
      );
    });
}

/** Device names become folders: letters, digits, dashes, dots inside, nothing that climbs. */
function parseDevices(text: string): string[] {
  const names = text.split(',');
  const bad = names.find((name) => !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name));
  if (bad !== undefined) throw new StartError(`--devices: '${bad}' is no device name`, EX_USAGE);
  return names;
}
