import { hash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { NOBODY } from './builder/assignment.ts';
import type { BuilderState } from './builder/state.ts';
import { parseDevices, recordOfDevice } from './device-record.ts';
import { malformedFile } from './errors.ts';
import { MAX_ASSIGNMENT_BYTES, MAX_PART_POWER, MAX_REPLICAS } from './limits.ts';

const FORMAT = 'martlet-ring-builder';
const VERSION = 1;

/**
 * Encodes a builder's file: one line of JSON for people and tools to look at, partition arrays packed in base64.
 *
 * Spec: docs/formats/ring-builder.md.
 */
export function encodeBuilder(state: BuilderState): string {
  const body = JSON.stringify({
    id: state.id,
    part_power: state.partPower,
    replicas: state.replicas,
    min_part_hours: state.minPartHours,
    overload: state.overload,
    version: state.version,
    devices_changed: state.devicesChanged,
    dispersion: state.dispersion ?? null,
    devs: state.devices.map((device) => (device === undefined ? null : recordOfDevice(device))),
    removed: state.removed,
    last_moves_at: state.lastMovesAt,
    hours_since_move: pack(state.hoursSinceMove),
    row_lengths: state.rows.map((row) => row.length),
    rows: state.rows.map((row) => pack(littleEndian(row))),
  });
  return `${JSON.stringify({ format: FORMAT, format_version: VERSION, sha256: hash('sha256', body) })}\n${body}\n`;
}

/**
 * Decodes a builder's file.
 *
 * @throws ApiError RingFileMalformed: one of Swift's pickles, another format or version, damaged, or out of the limits.
 * Spec: docs/formats/ring-builder.md.
 */
export function decodeBuilder(file: Buffer): BuilderState {
  // Pickles begin with PROTO (0x80) from protocol 2 on, older ones with '(' or a letter.
  if (file[0] === 0x80)
    throw malformedFile(
      'this is a builder file of swift-ring-builder, a Python pickle, which is not read: make a new builder and add its devices (the .ring.gz files of Swift are read as they are)',
    );
  const end = file.indexOf(0x0a);
  const envelope = parseObject(file.toString('utf8', 0, Math.max(end, 0)), 'the first line of the builder file');
  if (envelope.get('format') !== FORMAT) throw malformedFile(`the file is not a ${FORMAT} file`);
  if (envelope.get('format_version') !== VERSION)
    throw malformedFile(
      `builder format version ${String(envelope.get('format_version'))} is not supported, only ${VERSION}`,
    );
  const body = file.toString('utf8', end + 1).replace(/\n$/, '');
  if (hash('sha256', body) !== envelope.get('sha256'))
    throw malformedFile('the builder file is damaged: its checksum does not match');
  return parseState(parseObject(body, 'the builder file'));
}

function parseState(fields: Map<string, unknown>): BuilderState {
  const number = (key: string, min: number, max: number): number => {
    const value = fields.get(key);
    if (typeof value !== 'number' || value < min || value > max)
      throw malformedFile(`${key} is not a number from ${min} to ${max}`);
    return value;
  };
  const whole = (key: string, min: number, max: number): number => {
    const value = number(key, min, max);
    if (!Number.isInteger(value)) throw malformedFile(`${key} is not a whole number`);
    return value;
  };
  const partPower = whole('part_power', 1, MAX_PART_POWER);
  const partitions = 2 ** partPower;
  const devices = parseDevices(fields.get('devs'));
  const lengths = numbers(fields.get('row_lengths'), 'row_lengths');
  const rows = texts(fields.get('rows'), 'rows').map((row, replica) => unpackRow(row, lengths[replica], partitions));
  if (rows.length > MAX_REPLICAS || rows.length * partitions * 2 > MAX_ASSIGNMENT_BYTES)
    throw malformedFile('the builder file holds more replicas than are allowed');
  for (const row of rows)
    for (const id of row)
      if (id !== NOBODY && devices[id] === undefined)
        throw malformedFile(`a partition is on device ${id}, which the builder does not have`);
  const removed = numbers(fields.get('removed'), 'removed');
  if (removed.some((id) => devices[id] === undefined)) throw malformedFile('removed names a device that is not there');
  const dispersion = fields.get('dispersion');
  return {
    id: text(fields.get('id'), 'id'),
    partPower,
    replicas: number('replicas', 1, MAX_REPLICAS),
    minPartHours: whole('min_part_hours', 0, Number.MAX_SAFE_INTEGER),
    overload: number('overload', 0, 1e6),
    version: whole('version', 0, Number.MAX_SAFE_INTEGER),
    devicesChanged: fields.get('devices_changed') === true,
    dispersion: typeof dispersion === 'number' ? dispersion : undefined,
    devices,
    removed,
    lastMovesAt: whole('last_moves_at', 0, Number.MAX_SAFE_INTEGER),
    hoursSinceMove: unpack(text(fields.get('hours_since_move'), 'hours_since_move'), partitions),
    rows,
  };
}

function unpackRow(packed: string, length: number | undefined, partitions: number): Uint16Array {
  if (length === undefined || !Number.isInteger(length) || length < 0 || length > partitions)
    throw malformedFile('row_lengths does not fit the rows');
  const bytes = unpack(packed, length * 2);
  const row = new Uint16Array(length);
  for (let at = 0; at < length; at++) row[at] = (bytes[2 * at] ?? 0) | ((bytes[2 * at + 1] ?? 0) << 8);
  return row;
}

function littleEndian(row: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(row.length * 2);
  for (let at = 0; at < row.length; at++) {
    bytes[2 * at] = (row[at] ?? 0) & 255;
    bytes[2 * at + 1] = (row[at] ?? 0) >> 8;
  }
  return bytes;
}

function pack(bytes: Uint8Array): string {
  return deflateRawSync(bytes).toString('base64');
}

function unpack(packed: string, size: number): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = inflateRawSync(Buffer.from(packed, 'base64'), { maxOutputLength: Math.max(1, size) });
  } catch (cause) {
    throw malformedFile('a packed array of the builder file is damaged', cause);
  }
  if (bytes.length !== size) throw malformedFile('a packed array of the builder file has the wrong length');
  return new Uint8Array(bytes);
}

function parseObject(json: string, what: string): Map<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw malformedFile(`${what} is not JSON`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformedFile(`${what} is not an object`);
  return new Map(Object.entries(value));
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw malformedFile(`${what} is not a text`);
  return value;
}

function texts(value: unknown, what: string): string[] {
  if (!Array.isArray(value)) throw malformedFile(`${what} is not a list`);
  return value.map((entry: unknown) => text(entry, what));
}

function numbers(value: unknown, what: string): number[] {
  if (!Array.isArray(value)) throw malformedFile(`${what} is not a list`);
  return value.map((entry: unknown) => {
    if (typeof entry !== 'number') throw malformedFile(`${what} holds something that is not a number`);
    return entry;
  });
}
