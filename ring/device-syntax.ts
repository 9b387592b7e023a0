import { isIPv4, isIPv6 } from 'node:net';
import type { DeviceInfo } from './builder/builder.ts';
import type { Device } from './contract.ts';
import { badSyntax } from './errors.ts';

/** A device as `add` takes it; the region may be left out. */
export type DeviceSpec = Omit<Device, 'id' | 'weight' | 'region'> & { readonly region: number | undefined };

/** What a search asks for: every field that is there must match; `meta` need only be contained. */
export type DeviceSearch = Partial<Device>;

/**
 * Parses `[r<region>]z<zone>-<ip>:<port>[R<ip>:<port>]/<device>[_<meta>]`.
 *
 * @throws ApiError RingSyntaxError.
 * Spec: swift-ring-builder(1), `add`.
 */
export function parseDeviceSpec(text: string): DeviceSpec {
  const form =
    /^(?:r(?<region>\d+))?z(?<zone>\d+)-(?<ip>\[[^\]]*\]|[^:/\]R]+):(?<port>\d+)(?:R(?<rip>\[[^\]]*\]|[^:/\]]+):(?<rport>\d+))?\/(?<device>[^_]*)(?:_(?<meta>.*))?$/su;
  const groups = form.exec(text)?.groups;
  if (groups === undefined)
    throw badSyntax(`'${text}' is not a device: [r<region>]z<zone>-<ip>:<port>[R<ip>:<port>]/<device>[_<meta>]`);
  const ip = normalizeIp(groups['ip'] ?? '');
  const port = parsePort(groups['port'] ?? '');
  return {
    region: groups['region'] === undefined ? undefined : Number(groups['region']),
    zone: Number(groups['zone']),
    ip,
    port,
    replicationIp: groups['rip'] === undefined ? ip : normalizeIp(groups['rip']),
    replicationPort: groups['rport'] === undefined ? port : parsePort(groups['rport']),
    device: parseDeviceName(groups['device'] ?? ''),
    meta: groups['meta'] ?? '',
  };
}

/**
 * Parses `d<id>r<region>z<zone>-<ip>:<port>R<ip>:<port>/<device>_<meta>`, any part of which may be left out.
 *
 * @throws ApiError RingSyntaxError.
 * Spec: swift-ring-builder(1), search-value.
 */
export function parseSearch(text: string): DeviceSearch {
  const form =
    /^(?:d(?<id>\d+))?(?:r(?<region>\d+))?(?:z(?<zone>\d+))?-?(?<ip>\d[\d.]*|\[[^\]]*\])?(?::(?<port>\d+))?(?:R(?<rip>\d[\d.]*|\[[^\]]*\])?(?::(?<rport>\d+))?)?(?:\/(?<device>[^_]*))?(?:_(?<meta>.*))?$/su;
  const groups = form.exec(text)?.groups;
  const found = groups === undefined ? {} : fieldsOf(groups);
  if (Object.keys(found).length === 0)
    throw badSyntax(
      `'${text}' is not a search value: d<id>r<region>z<zone>-<ip>:<port>R<ip>:<port>/<device>_<meta>, at least one part`,
    );
  return found;
}

/**
 * Parses what `set_info` changes: `<ip>:<port>R<ip>:<port>/<device>_<meta>`, any part of which may be left out.
 *
 * @throws ApiError RingSyntaxError.
 */
export function parseInfo(text: string): DeviceInfo {
  const { id, region, zone, weight, ...info } = parseSearch(text);
  if ([id, region, zone, weight].some((part) => part !== undefined))
    throw badSyntax(`'${text}' changes what only set_weight, set_region and set_zone may`);
  if (info.device !== undefined) parseDeviceName(info.device);
  return info;
}

/** The devices that match, in the order of their ids. */
export function searchDevices(devices: readonly (Device | undefined)[], search: DeviceSearch): Device[] {
  const { meta, ...exact } = search;
  return devices.filter(
    (device): device is Device =>
      device !== undefined &&
      Object.entries(exact).every(
        ([key, value]) => new Map<string, unknown>(Object.entries(device)).get(key) === value,
      ) &&
      device.meta.includes(meta ?? ''),
  );
}

/** `d0r1z2-10.0.0.1:6200R10.0.0.1:6200/sdb_"meta"`. */
export function formatDevice(device: Device): string {
  const { id, region, zone, port, replicationPort, meta } = device;
  const ip = bracketed(device.ip);
  const replicationIp = bracketed(device.replicationIp);
  return `d${id}r${region}z${zone}-${ip}:${port}R${replicationIp}:${replicationPort}/${device.device}_"${meta}"`;
}

/** An IPv6 address as it stands before a port. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** An address in one spelling: IPv4, IPv6 in its shortest form without brackets, or a lower-case host name. */
export function normalizeAddress(address: string): string {
  const plain = address.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isIPv4(plain) || isIPv6(plain) || address.startsWith('[')) return normalizeIp(address);
  const labels = plain.replace(/\.$/, '').split('.');
  if (plain.length > 255 || !labels.every((label) => /^(?!-)[a-z\d-]{1,63}(?<!-)$/.test(label)))
    throw badSyntax(`'${address}' is neither an IP address nor a host name`);
  return plain;
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw badSyntax(`'${text}' is not a port`);
  return port;
}

export function parseDeviceName(name: string): string {
  if (name === '' || name !== name.trim() || name.includes('/')) throw badSyntax(`'${name}' is not a device name`);
  return name;
}

function normalizeIp(address: string): string {
  const plain = address.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isIPv4(plain)) return plain;
  if (!isIPv6(plain) || plain.includes('%')) throw badSyntax(`'${address}' is not an IP address`);
  return new URL(`http://[${plain}]`).hostname.slice(1, -1);
}

function fieldsOf(groups: Record<string, string | undefined>): DeviceSearch {
  const number = (key: string) => (groups[key] === undefined ? undefined : Number(groups[key]));
  const address = (key: string) => (groups[key] === undefined ? undefined : normalizeIp(groups[key]));
  const port = (key: string) => (groups[key] === undefined ? undefined : parsePort(groups[key]));
  return defined({
    id: number('id'),
    region: number('region'),
    zone: number('zone'),
    ip: address('ip'),
    port: port('port'),
    replicationIp: address('rip'),
    replicationPort: port('rport'),
    device: groups['device'],
    meta: groups['meta'],
  });
}

/** Leaves out the fields without value. */
export function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  return Object.assign(kept, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
}
