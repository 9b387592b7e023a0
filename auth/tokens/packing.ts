import { InvariantError } from '../../common/errors.ts';

/** How the parts of what we put into Fernet tokens are packed. Format: docs/formats/identity-records.md. */

export type AuthMethod = 'password' | 'token' | 'application_credential' | 'totp' | 'ec2credential';

/** A bit each, in this order: new ones go to the end. */
const METHODS: readonly AuthMethod[] = ['password', 'token', 'application_credential', 'totp', 'ec2credential'];
const UUID_HEX = /^[0-9a-f]{32}$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;
const PACKED_ID = 0xff;
const PACKED_SHA256 = 0xfe;
const TIME_BYTES = 6;

/** Thrown while decoding bytes that are no payload; `decodeWith` catches it. */
export class PayloadError extends Error {}

/** @returns what `decode` makes of the bytes, undefined where it throws PayloadError or leaves some of them. */
export function decodeWith<T>(bytes: Buffer, decode: (reader: PayloadReader) => T): T | undefined {
  try {
    const reader = new PayloadReader(bytes);
    const decoded = decode(reader);
    reader.assertEnd();
    return decoded;
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
}

/** A byte. */
export function encodeMethods(methods: readonly AuthMethod[]): number {
  return methods.reduce((bits, method) => bits | (1 << METHODS.indexOf(method)), 0);
}

/** 6 bytes, big-endian. @param ms since the epoch, whole. */
export function encodeTime(ms: number): Buffer {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeUIntBE(ms, 0, TIME_BYTES);
  return bytes;
}

/** 32 hexadecimal digits take 17 bytes, 64 take 33; any other id (`default`) its length and its text. */
export function encodeId(id: string): Buffer {
  if (UUID_HEX.test(id)) return Buffer.concat([Buffer.of(PACKED_ID), Buffer.from(id, 'hex')]);
  if (SHA256_HEX.test(id)) return Buffer.concat([Buffer.of(PACKED_SHA256), Buffer.from(id, 'hex')]);
  const text = Buffer.from(id, 'utf8');
  if (text.length >= PACKED_SHA256) throw new InvariantError(`an id of ${text.length} bytes`);
  return Buffer.concat([Buffer.of(text.length), text]);
}

/** Reads a payload from its beginning; throws PayloadError where it is too short or of another shape. */
export class PayloadReader {
  private readonly buffer: Buffer;
  private offset = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  byte(): number {
    return this.bytes(1).readUInt8(0);
  }

  bytes(length: number): Buffer {
    if (this.offset + length > this.buffer.length) throw new PayloadError();
    this.offset += length;
    return this.buffer.subarray(this.offset - length, this.offset);
  }

  methods(): AuthMethod[] {
    const bits = this.byte();
    if (bits >= 1 << METHODS.length) throw new PayloadError();
    return METHODS.filter((_, index) => bits & (1 << index));
  }

  timeMs(): number {
    return this.bytes(TIME_BYTES).readUIntBE(0, TIME_BYTES);
  }

  id(): string {
    const length = this.byte();
    if (length === PACKED_ID) return this.bytes(16).toString('hex');
    return length === PACKED_SHA256 ? this.bytes(32).toString('hex') : this.bytes(length).toString('utf8');
  }

  assertEnd(): void {
    if (this.offset !== this.buffer.length) throw new PayloadError();
  }
}
