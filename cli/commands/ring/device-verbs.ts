import type { NewDevice } from '../../../ring/builder/builder.ts';
import type { Device } from '../../../ring/contract.ts';
import {
  type DeviceSearch,
  formatDevice,
  parseDeviceName,
  parseDeviceSpec,
  parseInfo,
  parseSearch,
  searchDevices,
} from '../../../ring/device-syntax.ts';
import { badSyntax, refusedChange } from '../../../ring/errors.ts';
import { publishBuilder } from '../../../ring/ring-file.ts';
import { SUCCESS, type Verb, type VerbContext } from './context.ts';
import { type DeviceOptions, parseDeviceOptions, parseNumber, parseWhole } from './options.ts';
import { searchTable } from './tables.ts';

export const add: Verb = async (context, args) => {
  const { builder, terminal, paths } = context;
  for (const device of parseNewDevices(context, args)) {
    const id = builder.addDevice(device);
    terminal.print(`Device ${formatDevice({ ...device, id })} with ${device.weight} weight got id ${id}`);
  }
  await publishBuilder(paths.builder, builder);
  return SUCCESS;
};

export const remove: Verb = async (context, args) => {
  const { builder, terminal, paths } = context;
  const options = parseDeviceOptions(args);
  const devices = matching(context, searchesOf(options));
  await confirm(context, devices, 'remove', options.yes);
  for (const device of devices) {
    builder.removeDevice(device.id);
    terminal.print(`${formatDevice(device)} is marked for removal: it leaves with the next rebalance.`);
  }
  await publishBuilder(paths.builder, builder);
  return SUCCESS;
};

export const setWeight: Verb = (context, args) =>
  change(context, args, 'weight', parseNumber, ({ id }, weight) => context.builder.setWeight(id, weight));

export const setRegion: Verb = (context, args) =>
  change(context, args, 'region', parseWhole, ({ id }, region) => context.builder.setPlace(id, { region }));

export const setZone: Verb = (context, args) =>
  change(context, args, 'zone', parseWhole, ({ id }, zone) => context.builder.setPlace(id, { zone }));

export const setInfo: Verb = async (context, args) => {
  const { builder, terminal, paths } = context;
  const options = parseDeviceOptions(args);
  const changes = options.positionals.length
    ? pairs(options.positionals, '<search-value> <change>').map(([search, info]) => ({
        search: parseSearch(search),
        info: parseInfo(info),
      }))
    : [{ search: options.fields, info: options.change }];
  for (const { search, info } of changes) {
    if (Object.keys(info).length === 0) throw badSyntax('nothing to change was named');
    const devices = matching(context, [search]);
    await confirm(context, devices, 'change', options.yes);
    for (const device of devices) {
      builder.setInfo(device.id, info);
      terminal.print(`Device ${formatDevice(device)} is now ${describe(context, device.id)}`);
    }
  }
  await publishBuilder(paths.builder, builder);
  return SUCCESS;
};

export const search: Verb = async (context, args) => {
  const { builder, terminal } = context;
  const found = matching(context, searchesOf(parseDeviceOptions(args)));
  for (const line of searchTable(builder, found)) terminal.print(line);
  return SUCCESS;
};

/** The verbs that set one number: pairs of search value and number, or options and a number. */
async function change(
  context: VerbContext,
  args: readonly string[],
  what: string,
  parse: (text: string) => number,
  apply: (device: Device, value: number) => void,
): Promise<number> {
  const { fields, positionals, yes } = parseDeviceOptions(args);
  const byOptions = Object.keys(fields).length > 0;
  if (byOptions && positionals.length !== 1) throw badSyntax(`give one new ${what} after the options`);
  const changes: [DeviceSearch, string][] = byOptions
    ? [[fields, positionals[0] ?? '']]
    : pairs(positionals, `<search-value> <${what}>`).map(([text, value]) => [parseSearch(text), value]);
  for (const [wanted, text] of changes) {
    const value = parse(text);
    const devices = matching(context, [wanted]);
    await confirm(context, devices, 'change', yes);
    for (const device of devices) {
      apply(device, value);
      context.terminal.print(`${formatDevice(device)} ${what} set to ${value}`);
    }
  }
  await publishBuilder(context.paths.builder, context.builder);
  return SUCCESS;
}

function parseNewDevices({ terminal }: VerbContext, args: readonly string[]): NewDevice[] {
  const { positionals, fields } = parseDeviceOptions(args);
  if (positionals.length === 0) return [deviceOfOptions(fields)];
  if (Object.keys(fields).length > 0)
    throw badSyntax('give devices as <device> <weight> pairs or as options, not both');
  return pairs(positionals, '<device> <weight>').map(([text, weight]) => {
    const spec = parseDeviceSpec(text);
    if (spec.region === undefined) terminal.warn(`WARNING: ${text} names no region, region 1 is taken`);
    return { ...spec, region: spec.region ?? 1, weight: parseNumber(weight) };
  });
}

function deviceOfOptions(fields: DeviceSearch): NewDevice {
  const { region, zone, ip, port, device, weight } = fields;
  if (
    region === undefined ||
    zone === undefined ||
    ip === undefined ||
    port === undefined ||
    device === undefined ||
    weight === undefined
  )
    throw badSyntax('a device needs --region, --zone, --ip, --port, --device and --weight');
  return {
    region,
    zone,
    ip,
    port,
    replicationIp: fields.replicationIp ?? ip,
    replicationPort: fields.replicationPort ?? port,
    device: parseDeviceName(device),
    weight,
    meta: fields.meta ?? '',
  };
}

function searchesOf({ positionals, fields }: DeviceOptions): DeviceSearch[] {
  const byOptions = Object.keys(fields).length > 0;
  if (byOptions === positionals.length > 0) throw badSyntax('give a search value or options, not both');
  return byOptions ? [fields] : positionals.map(parseSearch);
}

function matching({ builder }: VerbContext, searches: readonly DeviceSearch[]): Device[] {
  const devices = searches.flatMap((wanted) => searchDevices(builder.state.devices, wanted));
  if (devices.length === 0) throw refusedChange('No matching devices found; nothing was changed.');
  return [...new Set(devices)];
}

async function confirm(
  { terminal }: VerbContext,
  devices: readonly Device[],
  verb: string,
  yes: boolean,
): Promise<void> {
  if (devices.length < 2) return;
  terminal.print('Matched more than one device:');
  for (const device of devices) terminal.print(`    ${formatDevice(device)}`);
  if (yes || (await terminal.ask(`Really ${verb} these ${devices.length} devices? (y/N) `)) === 'y') return;
  throw refusedChange('Aborted; nothing was changed.');
}

function describe({ builder }: VerbContext, id: number): string {
  const device = builder.state.devices[id];
  return device === undefined ? `d${id}` : formatDevice(device);
}

function pairs(values: readonly string[], form: string): [string, string][] {
  if (values.length === 0 || values.length % 2 !== 0) throw badSyntax(`arguments come in pairs: ${form} ...`);
  return Array.from({ length: values.length / 2 }, (_, at) => [values[2 * at] ?? '', values[2 * at + 1] ?? '']);
}
