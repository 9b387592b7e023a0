import type { Command } from 'commander';
import { StartError } from '../../common/errors.ts';
import { EX_SOFTWARE, EX_USAGE } from '../../common/exit-codes.ts';
import { type RunningMartlet, startMartlet } from '../start/start.ts';

interface StartFlags {
  data: string;
  config?: string;
  portOffset?: string;
  host?: string;
  only?: string;
  workers?: string;
  insecure?: boolean;
}

export function registerStartCommand(program: Command): void {
  program
    .command('start')
    .description('bring up the services, all of them unless --only names some')
    .option('--data <dir>', 'data folder', 'martlet-data')
    .option('--config <file>', 'configuration, YAML')
    .option('--port-offset <n>', 'added to every port')
    .option('--host <addr>', 'address to listen on')
    .option(
      '--only <services>',
      'comma-separated: auth, proxy, object-server, container-server, image, volume, compute',
    )
    .option('--workers <n>', 'threads that serve object traffic')
    .option('--insecure', 'allow an address beyond loopback without TLS')
    .action((flags: StartFlags) => start(flags));
}

async function start(flags: StartFlags): Promise<void> {
  const martlet = await startMartlet({
    ...flags,
    portOffset: parseNumber('--port-offset', flags.portOffset),
    workers: parseNumber('--workers', flags.workers),
    environment: process.env,
    onDeath: (error) => {
      process.stderr.write(`martlet: a part of it died: ${error.stack ?? error.message}\n`);
      process.exit(EX_SOFTWARE);
    },
  });
  endOnSignal(martlet);
  process.stdout.write(readyText(martlet));
}

/** The first signal drains, a second one ends at once: whoever sends two has waited long enough, and a crash loses nothing. */
function endOnSignal(martlet: RunningMartlet): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(EX_SOFTWARE);
      stopping = true;
      void martlet.stop().then(() => process.exit(0));
    });
  }
}

function readyText(martlet: RunningMartlet): string {
  const lines = [`martlet is ready: ${[...martlet.services].join(', ')}; data in ${martlet.dataPath}`];
  if (martlet.services.has('auth')) {
    lines.push(
      '',
      `  export OS_CLIENT_CONFIG_FILE=${martlet.dataPath}/clouds.yaml`,
      '  openstack --os-cloud martlet token issue',
      '  openstack --os-cloud martlet container create photos',
      '  openstack --os-cloud martlet volume create --size 1 disk',
      '  openstack --os-cloud martlet-admin catalog list',
    );
  }
  return `${lines.join('\n')}\n`;
}

function parseNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) throw new StartError(`${flag} takes a whole number, not '${text}'`, EX_USAGE);
  return Number(text);
}
