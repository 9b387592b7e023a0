import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { DeviceInfo } from '../../../ring/builder/builder.ts';
import type { Device } from '../../../ring/contract.ts';
import { type DeviceSearch, defined, normalizeAddress, parsePort } from '../../../ring/device-syntax.ts';
import { badSyntax } from '../../../ring/errors.ts';

/** Spec: swift-ring-builder(1), the long and short options of its device commands. */
const DEVICE_OPTIONS = {
  id: { type: 'string', short: 'u' },
  region: { type: 'string', short: 'r' },
  zone: { type: 'string', short: 'z' },
  ip: { type: 'string', short: 'i' },
  port: { type: 'string', short: 'p' },
  'replication-ip': { type: 'string', short: 'j' },
  'replication-port': { type: 'string', short: 'q' },
  device: { type: 'string', short: 'd' },
  weight: { type: 'string', short: 'w' },
  meta: { type: 'string', short: 'm' },
  'change-ip': { type: 'string', short: 'I' },
  'change-port': { type: 'string', short: 'P' },
  'change-replication-ip': { type: 'string', short: 'J' },
  'change-replication-port': { type: 'string', short: 'Q' },
  'change-device': { type: 'string', short: 'D' },
  'change-meta': { type: 'string', short: 'M' },
  yes: { type: 'boolean', short: 'y' },
} as const satisfies ParseArgsConfig['options'];

export interface DeviceOptions {
  readonly positionals: readonly string[];
  /** The fields given as options; empty when the all-in-one form is used. */
  readonly fields: DeviceSearch;
  readonly change: DeviceInfo;
  readonly yes: boolean;
}

/** @throws ApiError RingSyntaxError. */
export function parseDeviceOptions(args: readonly string[]): DeviceOptions {
  const { values, positionals } = parseStrictly({ args: [...args], options: DEVICE_OPTIONS, allowPositionals: true });
  const address = (value: string | undefined) => (value === undefined ? undefined : normalizeAddress(value));
  const port = (value: string | undefined) => (value === undefined ? undefined : parsePort(value));
  return {
    positionals,
    fields: defined<{ [K in keyof Device]: Device[K] | undefined }>({
      id: optionalWhole(values.id),
      region: optionalWhole(values.region),
      zone: optionalWhole(values.zone),
      ip: address(values.ip),
      port: port(values.port),
      replicationIp: address(values['replication-ip']),
      replicationPort: port(values['replication-port']),
      device: values.device,
      weight: values.weight === undefined ? undefined : parseNumber(values.weight),
      meta: values.meta,
    }),
    change: defined({
      ip: address(values['change-ip']),
      port: port(values['change-port']),
      replicationIp: address(values['change-replication-ip']),
      replicationPort: port(values['change-replication-port']),
      device: values['change-device'],
      meta: values['change-meta'],
    }),
    yes: values.yes === true,
  };
}

/** `parseArgs` with our kind of error. */
export function parseStrictly<const T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw badSyntax(error instanceof Error ? error.message : String(error));
  }
}

export function parseNumber(text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw badSyntax(`'${text}' is not a number`);
  return Number(text);
}

export function parseWhole(text: string): number {
  if (!/^\d+$/.test(text)) throw badSyntax(`'${text}' is not a whole number`);
  return Number(text);
}

function optionalWhole(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseWhole(text);
}
