import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { systemClock } from '../../common/clock.ts';
import { ApiError, systemErrorCode } from '../../common/errors.ts';
import { RingBuilder } from '../../ring/builder/builder.ts';
import { badSyntax, refusedChange } from '../../ring/errors.ts';
import { backUp, loadBuilder, publishBuilder } from '../../ring/ring-file.ts';
import { FAILURE, type RingPaths, type RingTerminal, ringPaths, SUCCESS, type Verb } from './ring/context.ts';
import { add, remove, search, setInfo, setRegion, setWeight, setZone } from './ring/device-verbs.ts';
import { parseNumber, parseWhole } from './ring/options.ts';
import {
  dispersion,
  pretendMinPartHoursPassed,
  rebalance,
  setMinPartHours,
  setOverload,
  setReplicas,
  show,
  validate,
  writeRing,
} from './ring/ring-verbs.ts';

const verbs = new Map<string, { run: Verb; usage: string }>([
  [
    'list',
    {
      run: show,
      usage: 'list                                          the ring and its devices (also without a verb)',
    },
  ],
  ['search', { run: search, usage: 'search <search-value>                         matching devices' }],
  [
    'add',
    {
      run: add,
      usage:
        'add <device> <weight> ...                     [r<region>]z<zone>-<ip>:<port>[R<ip>:<port>]/<name>[_<meta>]',
    },
  ],
  ['remove', { run: remove, usage: 'remove <search-value> ... [--yes]             leaves with the next rebalance' }],
  ['set_weight', { run: setWeight, usage: 'set_weight <search-value> <weight> ... [--yes]' }],
  ['set_region', { run: setRegion, usage: 'set_region <search-value> <region> ... [--yes]' }],
  ['set_zone', { run: setZone, usage: 'set_zone <search-value> <zone> ... [--yes]' }],
  ['set_info', { run: setInfo, usage: 'set_info <search-value> <ip>:<port>[R<ip>:<port>]/<name>_<meta> ... [--yes]' }],
  ['set_min_part_hours', { run: setMinPartHours, usage: 'set_min_part_hours <hours>' }],
  ['set_replicas', { run: setReplicas, usage: 'set_replicas <replicas>                       may have a fraction' }],
  ['set_overload', { run: setOverload, usage: 'set_overload <overload>[%]' }],
  [
    'rebalance',
    {
      run: rebalance,
      usage: 'rebalance [--seed <seed>] [--force]           assigns partitions, writes builder and ring',
    },
  ],
  ['validate', { run: validate, usage: 'validate' }],
  ['dispersion', { run: dispersion, usage: 'dispersion [<tier pattern>] [--verbose]' }],
  ['write_ring', { run: writeRing, usage: 'write_ring                                    writes the ring file again' }],
  [
    'pretend_min_part_hours_passed',
    {
      run: pretendMinPartHoursPassed,
      usage: 'pretend_min_part_hours_passed                 risks data that is being moved',
    },
  ],
]);

const HELP = `
Verbs and arguments are those of swift-ring-builder:
  create <part_power> <replicas> <min_part_hours> [--devices-of <builder>]
${[...verbs.values()].map(({ usage }) => `  ${usage}`).join('\n')}

A search value is d<id>r<region>z<zone>-<ip>:<port>R<ip>:<port>/<name>_<meta>, or any part of it. Devices can also be
named by options: --id --region --zone --ip --port --replication-ip --replication-port --device --weight --meta.

Exit codes: 0 done, 1 done with warnings (or nothing to do), 2 error.`;

/** Adds `martlet ring FILE [VERB] [ARGS…]` to the program; the exit code of a verb becomes that of the process. */
export function registerRingCommands(program: Command): void {
  program
    .command('ring')
    .description('build the rings that say where data lives')
    .argument('<file>', 'the builder file, or the ring file that belongs to it')
    .argument('[verb]', 'what to do', 'list')
    .argument('[args...]')
    .allowUnknownOption()
    .addHelpText('after', HELP)
    .action(async (file: string, verb: string, args: string[]) => {
      process.exitCode = await runRingCommand(file, verb, args, processTerminal);
    });
}

/**
 * Runs one verb.
 *
 * @returns 0 done, 1 done with warnings or nothing to do, 2 error (said on the terminal).
 */
export async function runRingCommand(
  file: string,
  verb: string,
  args: readonly string[],
  terminal: RingTerminal,
): Promise<number> {
  try {
    const paths = ringPaths(file);
    if (verb === 'create') return await create(paths, args, terminal);
    const found = verbs.get(verb);
    if (found === undefined) throw badSyntax(`'${verb}' is not a verb of martlet ring; see martlet ring --help`);
    const builder = await loadBuilder(paths.builder);
    return await found.run({ terminal, paths, builder }, args);
  } catch (error) {
    if (systemErrorCode(error) === undefined && !(error instanceof ApiError)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    terminal.warn(
      systemErrorCode(error) === 'ENOENT' ? `${reason} (make a builder with: martlet ring ${file} create)` : reason,
    );
    return FAILURE;
  }
}

const CREATE_USAGE = 'create <part_power> <replicas> <min_part_hours> [--devices-of <builder>]';

async function create(paths: RingPaths, args: readonly string[], terminal: RingTerminal): Promise<number> {
  const [partPower, replicas, minPartHours, option, model, ...rest] = args;
  const isModelled = option === '--devices-of' && model !== undefined;
  if (partPower === undefined || replicas === undefined || minPartHours === undefined || rest.length > 0)
    throw badSyntax(CREATE_USAGE);
  if (option !== undefined && !isModelled) throw badSyntax(CREATE_USAGE);
  if (await exists(paths.builder)) throw refusedChange(`${paths.builder} exists already`);
  const builder = RingBuilder.create({
    id: terminal.newId(),
    partPower: parseWhole(partPower),
    replicas: parseNumber(replicas),
    minPartHours: parseWhole(minPartHours),
  });
  // The ring of another storage policy over the same devices.
  const { devices } = isModelled ? (await loadBuilder(model)).state : { devices: [] };
  for (const device of devices) if (device) builder.addDevice(device);
  await publishBuilder(paths.builder, builder);
  await backUp(paths.builder, terminal.nowSeconds());
  return SUCCESS;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

const processTerminal: RingTerminal = {
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  ask: async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    try {
      // Without an answer before the end of the input, the answer is no.
      const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
      return await Promise.race([lines.question(question), ended]);
    } finally {
      lines.close();
    }
  },
  nowSeconds: () => Math.floor(systemClock.nowMs() / 1000),
  newId: () => randomUUID().replaceAll('-', ''),
};
