import { constants, crc32, deflateRawSync, gunzipSync } from 'node:zlib';
import { invariant } from '../common/errors.ts';
import type { Device, RingData } from './contract.ts';
import { parseDevices, recordOfDevice } from './device-record.ts';
import { malformedFile } from './errors.ts';
import { MAX_ASSIGNMENT_BYTES, MAX_HEADER_BYTES, MAX_PART_POWER, MAX_REPLICAS } from './limits.ts';
import { rowsOf } from './lookup.ts';

const MAGIC = 'R1NG';
const VERSION = 1;
/** Magic, version (uint16) and header length (uint32), both big-endian. */
const PREAMBLE_BYTES = 10;
/** The time stamp that Swift puts into every ring file: equal rings are equal files. */
const GZIP_MTIME_SECONDS = 1_300_507_380;
const LITTLE_ENDIAN_HOST = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Encodes a ring as a `.ring.gz` file, format version 1. The same ring gives the same bytes.
 *
 * Spec: docs/formats/ring-gz.md; Swift 2.30 `RingData.serialize_v1`.
 */
export function encodeRing(data: RingData): Buffer {
  return gzip(encodeRingPayload(data));
}

/** What the gzip member of a ring file holds: preamble, JSON header, rows of little-endian uint16. */
export function encodeRingPayload(data: RingData): Buffer {
  const header = Buffer.from(encodeHeader(data), 'latin1');
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  preamble.write(MAGIC, 0, 'latin1');
  preamble.writeUInt16BE(VERSION, 4);
  preamble.writeUInt32BE(header.length, 6);
  const assignment = Buffer.alloc(data.assignment.byteLength);
  assignment.set(new Uint8Array(data.assignment));
  if (!LITTLE_ENDIAN_HOST) assignment.swap16();
  return Buffer.concat([preamble, header, assignment]);
}

/**
 * Decodes a `.ring.gz` file of format version 1.
 *
 * @throws ApiError RingFileMalformed: not gzip, damaged, larger than the limits, another version, a field that cannot
 * be, rows too short or too long, or a partition on a device that the ring does not have.
 * Spec: docs/formats/ring-gz.md; Swift 2.30 `RingData.deserialize_v1`.
 */
export function decodeRing(file: Uint8Array): RingData {
  const payload = gunzip(file);
  if (payload.length < PREAMBLE_BYTES) throw malformedFile('the ring file is cut short');
  if (payload.toString('latin1', 0, 4) !== MAGIC)
    throw malformedFile(
      'the file is not a ring: it does not begin with R1NG (rings of Swift before 1.7 are pickles and not read)',
    );
  const version = payload.readUInt16BE(4);
  if (version !== VERSION)
    throw malformedFile(`ring format version ${version} is not supported, only version ${VERSION}`);
  const headerBytes = payload.readUInt32BE(6);
  if (headerBytes > MAX_HEADER_BYTES || PREAMBLE_BYTES + headerBytes > payload.length)
    throw malformedFile('the ring file ends within its header');
  const header = parseHeader(payload.toString('utf8', PREAMBLE_BYTES, PREAMBLE_BYTES + headerBytes));

  const body = payload.subarray(PREAMBLE_BYTES + headerBytes);
  const rowLengths = splitRows(body.length, header.rows, 2 ** header.partPower);
  const assignment = new SharedArrayBuffer(body.length);
  const bytes = Buffer.from(assignment);
  bytes.set(body);
  if (header.littleEndian !== LITTLE_ENDIAN_HOST) bytes.swap16();
  const data: RingData = {
    partPower: header.partPower,
    rowLengths,
    assignment,
    devices: header.devices,
    version: header.version,
    nextPartPower: header.nextPartPower,
  };
  assertAssigned(data);
  return data;
}

interface Header {
  readonly littleEndian: boolean;
  readonly devices: (Device | undefined)[];
  readonly partPower: number;
  readonly rows: number;
  readonly version: number | undefined;
  readonly nextPartPower: number | undefined;
}

function parseHeader(text: string): Header {
  const fields = parseObject(text);
  const whole = (key: string, min: number, max: number): number => {
    const value = fields.get(key);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw malformedFile(`${key} is not a whole number from ${min} to ${max}`);
    return value;
  };
  const optional = (key: string, min: number, max: number): number | undefined =>
    fields.get(key) === undefined || fields.get(key) === null ? undefined : whole(key, min, max);
  const byteorder = fields.get('byteorder') ?? 'little';
  if (byteorder !== 'little' && byteorder !== 'big') throw malformedFile('byteorder is neither little nor big');
  return {
    littleEndian: byteorder === 'little',
    devices: parseDevices(fields.get('devs')),
    partPower: 32 - whole('part_shift', 32 - MAX_PART_POWER, 32),
    rows: whole('replica_count', 0, MAX_REPLICAS),
    version: optional('version', 0, Number.MAX_SAFE_INTEGER),
    nextPartPower: optional('next_part_power', 0, 32),
  };
}

function parseObject(text: string): Map<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformedFile('the header of the ring file is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformedFile('the header of the ring file is not a JSON object');
  return new Map(Object.entries(value));
}

/** Spec: only the last row may be shorter than the others, and nothing follows it. */
function splitRows(bytes: number, rows: number, partitions: number): number[] {
  const entries = bytes / 2;
  const full = (rows - 1) * partitions;
  if (rows === 0 && bytes === 0) return [];
  if (!Number.isInteger(entries) || entries < full || entries > full + partitions)
    throw malformedFile(
      `the ring file holds ${bytes} bytes of assignment, which is not ${rows} rows of ${partitions} partitions`,
    );
  return Array.from({ length: rows }, (_, row) => (row < rows - 1 ? partitions : entries - full));
}

function assertAssigned(data: RingData): void {
  const known = new Uint8Array(65_536);
  for (const device of data.devices) if (device !== undefined) known[device.id] = 1;
  for (const [replica, row] of rowsOf(data).entries())
    for (let partition = 0; partition < row.length; partition++)
      if (known[row[partition] ?? 0] === 0)
        throw malformedFile(
          `partition ${partition}, replica ${replica} is on device ${row[partition]}, which the ring does not have`,
        );
}

/** The header as Python's `json.dumps(…, sort_keys=True)` writes it, so that equal rings are equal files there too. */
function encodeHeader(data: RingData): string {
  const devices = data.devices.map((device) => {
    if (device === undefined) return 'null';
    const fields = Object.entries(recordOfDevice(device)).map(
      ([key, value]) => `"${key}": ${key === 'weight' ? float(Number(value)) : ascii(value)}`,
    );
    return `{${fields.join(', ')}}`;
  });
  const fields = ['"byteorder": "little"', `"devs": [${devices.join(', ')}]`];
  if (data.nextPartPower !== undefined) fields.push(`"next_part_power": ${data.nextPartPower}`);
  fields.push(`"part_shift": ${32 - data.partPower}`, `"replica_count": ${data.rowLengths.length}`);
  if (data.version !== undefined) fields.push(`"version": ${data.version}`);
  return `{${fields.join(', ')}}`;
}

/** Python tells 100.0 from 100; JavaScript's other spellings of a number both read. */
function float(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : `${value}`;
}

function ascii(value: string | number): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A gzip member without name and with a fixed time. Spec: RFC 1952, 2.3. */
function gzip(payload: Buffer): Buffer {
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
  head.writeUInt32LE(GZIP_MTIME_SECONDS, 4);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(payload), 0);
  tail.writeUInt32LE(payload.length % 2 ** 32, 4);
  return Buffer.concat([head, deflateRawSync(payload, { level: constants.Z_BEST_COMPRESSION, memLevel: 8 }), tail]);
}

function gunzip(file: Uint8Array): Buffer {
  const maxOutputLength = PREAMBLE_BYTES + MAX_HEADER_BYTES + MAX_ASSIGNMENT_BYTES;
  try {
    const payload = gunzipSync(file, { maxOutputLength });
    invariant(payload.length <= maxOutputLength, 'zlib keeps to its bound');
    return payload;
  } catch (cause) {
    throw malformedFile('the ring file is not a whole gzip file, or too large', cause);
  }
}
