import { ApiError, systemErrorCode } from '../../../common/errors.ts';
import { MAX_BALANCE } from '../../../ring/builder/spread.ts';
import { badSyntax, refusedChange } from '../../../ring/errors.ts';
import { backUp, loadRing, publishBuilder, publishRing } from '../../../ring/ring-file.ts';
import { encodeRing } from '../../../ring/ring-format.ts';
import { SUCCESS, type Verb, type VerbContext, WARNING } from './context.ts';
import { parseNumber, parseStrictly, parseWhole } from './options.ts';
import { deviceTable, dispersionTable, worstTier } from './tables.ts';

export const show: Verb = async (context) => {
  const { builder, terminal, paths } = context;
  const { state } = builder;
  const devices = state.devices.filter((device) => device !== undefined);
  const regions = new Set(devices.map((device) => device.region)).size;
  const zones = new Set(devices.map((device) => `${device.region}/${device.zone}`)).size;
  const balance = devices.some((device) => device.weight > 0) ? builder.balance() : 0;
  const dispersion = state.dispersion === undefined ? '' : `, ${state.dispersion.toFixed(2)} dispersion`;
  terminal.print(`${paths.builder}, build version ${state.version}, id ${state.id}`);
  terminal.print(
    `${builder.partitions} partitions, ${state.replicas.toFixed(6)} replicas, ${regions} regions, ${zones} zones, ${devices.length} devices, ${balance.toFixed(2)} balance${dispersion}`,
  );
  const left = builder.minPartSecondsLeft(terminal.nowSeconds());
  terminal.print(`A partition may move again after ${state.minPartHours} hours (${clock(left)} remaining)`);
  terminal.print(`The overload factor is ${(state.overload * 100).toFixed(2)}% (${state.overload.toFixed(6)})`);
  terminal.print(await ringFileState(context));
  for (const line of deviceTable(builder)) terminal.print(line);
  return SUCCESS;
};

export const rebalance: Verb = async (context, args) => {
  const { builder, terminal, paths } = context;
  const { values, positionals } = parseStrictly({
    args: [...args],
    options: {
      force: { type: 'boolean', short: 'f' },
      seed: { type: 'string', short: 's' },
      debug: { type: 'boolean', short: 'd' },
    },
    allowPositionals: true,
  });
  const { devicesChanged, dispersion: lastDispersion } = builder.state;
  if (!builder.state.devices.some((device) => device !== undefined && device.weight > 0))
    throw refusedChange('the ring has no devices with weight: add some first');
  const lastBalance = builder.balance();
  const secondsLeft = builder.minPartSecondsLeft(terminal.nowSeconds());
  const result = builder.rebalance({ seed: values.seed ?? positionals[0], nowSeconds: terminal.nowSeconds() });
  if (result.movedReplicas === 0 && result.removedDevices === 0 && values.force !== true) {
    terminal.print('No partitions could be reassigned.');
    terminal.print(
      secondsLeft > 0
        ? `min_part_hours (${builder.state.minPartHours}) have not passed: ${clock(secondsLeft)} remaining`
        : 'There is no need to.',
    );
    return WARNING;
  }
  const improved =
    Math.abs(lastBalance - result.balance) >= 1 ||
    (lastBalance === MAX_BALANCE && result.balance === MAX_BALANCE) ||
    lastDispersion === undefined ||
    Math.abs(lastDispersion - result.dispersion) >= 1;
  if (values.force !== true && !devicesChanged && !improved) {
    terminal.print('Not saved: neither balance nor dispersion changes by 1% (--force saves anyway).');
    return WARNING;
  }
  builder.validate();
  const percent = ((100 * result.movedReplicas) / builder.partitions).toFixed(2);
  terminal.print(
    `Reassigned ${result.movedReplicas} (${percent}%) partitions. Balance is now ${result.balance.toFixed(2)}.  Dispersion is now ${result.dispersion.toFixed(2)}`,
  );
  // The builder first: a crash in between leaves an old ring, which the next write_ring replaces, never a forgotten move.
  await publishBuilder(paths.builder, builder);
  await publishRing(paths.ring, builder.ringData());
  for (const path of [paths.builder, paths.ring]) await backUp(path, terminal.nowSeconds());
  return adviseAfterRebalance(context, result);
};

export const writeRing: Verb = async ({ builder, terminal, paths }) => {
  if (builder.state.devices.length === 0) throw refusedChange('a ring without devices is not written');
  if (builder.state.rows.length === 0) terminal.print('Warning: nothing is assigned yet; rebalance first.');
  await publishRing(paths.ring, builder.ringData());
  await backUp(paths.ring, terminal.nowSeconds());
  return SUCCESS;
};

export const validate: Verb = async ({ builder }) => {
  builder.validate();
  return SUCCESS;
};

export const dispersion: Verb = async ({ builder, terminal }, args) => {
  if (builder.state.rows.length === 0) throw refusedChange('nothing is assigned yet: rebalance first');
  const { values, positionals } = parseStrictly({
    args: [...args],
    options: { verbose: { type: 'boolean', short: 'v' }, recalculate: { type: 'boolean' } },
    allowPositionals: true,
  });
  const filter = positionals[0] === undefined ? undefined : parsePattern(positionals[0]);
  const report = builder.measure();
  terminal.print(
    `Dispersion is ${report.dispersion.toFixed(6)}, Balance is ${builder.balance().toFixed(6)}, Overload is ${(builder.state.overload * 100).toFixed(2)}%`,
  );
  terminal.print(`Required overload is ${(report.requiredOverload * 100).toFixed(6)}%`);
  const worst = worstTier(report, filter);
  if (worst !== undefined) terminal.print(`Worst tier is ${worst.percent.toFixed(6)} (${worst.name})`);
  if (values.verbose === true) for (const line of dispersionTable(report, filter)) terminal.print(line);
  return worst === undefined ? SUCCESS : WARNING;
};

export const setReplicas: Verb = async (context, [replicas, ...rest]) => {
  if (replicas === undefined || rest.length > 0) throw badSyntax('set_replicas <replicas>');
  context.builder.setReplicas(parseNumber(replicas));
  return save(
    context,
    `The replica count is now ${context.builder.state.replicas.toFixed(6)}, from the next rebalance on.`,
  );
};

export const setMinPartHours: Verb = async (context, [hours, ...rest]) => {
  if (hours === undefined || rest.length > 0) throw badSyntax('set_min_part_hours <hours>');
  context.builder.setMinPartHours(parseWhole(hours));
  return save(context, `A partition may now move again after ${hours} hours.`);
};

export const setOverload: Verb = async (context, [overload, ...rest]) => {
  if (overload === undefined || rest.length > 0) throw badSyntax('set_overload <overload>[%]');
  const percent = overload.endsWith('%');
  const value = parseNumber(overload.replace(/%$/, '')) * (percent ? 0.01 : 1);
  context.builder.setOverload(value);
  const unusual = value > 1 && !percent;
  if (unusual) context.terminal.print('Warning: this is an overload of more than 100%.');
  await save(
    context,
    `The overload factor is now ${(value * 100).toFixed(2)}% (${value.toFixed(6)}), from the next rebalance on.`,
  );
  return unusual ? WARNING : SUCCESS;
};

export const pretendMinPartHoursPassed: Verb = async (context) => {
  context.builder.pretendMinPartHoursPassed();
  return save(context, 'The next rebalance may move any partition.');
};

async function save({ builder, terminal, paths }: VerbContext, line: string): Promise<number> {
  await publishBuilder(paths.builder, builder);
  terminal.print(line);
  return SUCCESS;
}

function adviseAfterRebalance(
  { builder, terminal }: VerbContext,
  { balance, dispersion: spread }: { balance: number; dispersion: number },
): number {
  if (spread > 0) {
    terminal.print(`NOTE: a dispersion of ${spread.toFixed(6)} means that some replicas stand closer than they could.`);
    terminal.print('      Other weights or more overload may help; see the dispersion report.');
    return WARNING;
  }
  if (balance > 5 && balance / 100 > builder.state.overload) {
    terminal.print(
      `NOTE: with a balance of ${balance.toFixed(2)}, publish this ring, wait ${builder.state.minPartHours} hours`,
    );
    terminal.print('      and rebalance again.');
    return WARNING;
  }
  return SUCCESS;
}

async function ringFileState({ builder, paths }: VerbContext): Promise<string> {
  try {
    const current = encodeRing(builder.ringData()).equals(encodeRing(await loadRing(paths.ring)));
    return `Ring file ${paths.ring} is ${current ? 'up-to-date' : 'obsolete'}`;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return `Ring file ${paths.ring} not found; it is written by rebalance`;
    if (error instanceof ApiError) return `Ring file is invalid: ${error.message}`;
    throw error;
  }
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})`);
  } catch {
    throw badSyntax(`'${text}' is not a regular expression`);
  }
}

function clock(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
