import type { Device } from './contract.ts';
import { malformedFile } from './errors.ts';
import { MAX_DEVICE_TEXT, MAX_DEVICES, MAX_PORT, MAX_TIER_NUMBER, MAX_WEIGHT } from './limits.ts';

/** A device as ring and builder files spell it. */
export interface DeviceRecord {
  device: string;
  id: number;
  ip: string;
  meta: string;
  port: number;
  region: number;
  replication_ip: string;
  replication_port: number;
  weight: number;
  zone: number;
}

export function recordOfDevice(device: Device): DeviceRecord {
  return {
    device: device.device,
    id: device.id,
    ip: device.ip,
    meta: device.meta,
    port: device.port,
    region: device.region,
    replication_ip: device.replicationIp,
    replication_port: device.replicationPort,
    weight: device.weight,
    zone: device.zone,
  };
}

/**
 * Reads a file's device list; null stands where a device was removed.
 *
 * @throws ApiError RingFileMalformed, naming the device and field.
 * Spec: Swift 2.30, "The Rings": List of Devices. Files of old versions lack region, meta and the replication address.
 */
export function parseDevices(value: unknown): (Device | undefined)[] {
  if (!Array.isArray(value)) throw malformedFile('devs is not a list');
  if (value.length > MAX_DEVICES) throw malformedFile(`devs lists more than ${MAX_DEVICES} devices`);
  return value.map((entry: unknown, index) => (entry === null ? undefined : parseDevice(entry, index)));
}

function parseDevice(entry: unknown, index: number): Device {
  if (typeof entry !== 'object' || entry === null) throw malformedFile(`devs[${index}] is neither a device nor null`);
  const fields = new Map<string, unknown>(Object.entries(entry));
  const text = (key: string, fallback?: string): string => {
    const value = fields.get(key) ?? fallback;
    if (typeof value !== 'string' || value.length > MAX_DEVICE_TEXT)
      throw malformedFile(`devs[${index}].${key} is not a text of at most ${MAX_DEVICE_TEXT} characters`);
    return value;
  };
  const whole = (key: string, max: number, fallback?: number): number => {
    const value = fields.get(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
      throw malformedFile(`devs[${index}].${key} is not a whole number from 0 to ${max}`);
    return value;
  };
  const weight = fields.get('weight');
  if (typeof weight !== 'number' || !(weight >= 0) || weight > MAX_WEIGHT)
    throw malformedFile(`devs[${index}].weight is not a number from 0 to ${MAX_WEIGHT}`);
  if (whole('id', MAX_DEVICES - 1) !== index) throw malformedFile(`devs[${index}].id is not its place in the list`);
  const ip = text('ip');
  const port = whole('port', MAX_PORT);
  return {
    id: index,
    region: whole('region', MAX_TIER_NUMBER, 1),
    zone: whole('zone', MAX_TIER_NUMBER),
    ip,
    port,
    replicationIp: text('replication_ip', ip),
    replicationPort: whole('replication_port', MAX_PORT, port),
    device: text('device'),
    weight,
    meta: text('meta', ''),
  };
}
