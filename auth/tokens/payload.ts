import { InvariantError, invariant } from '../../common/errors.ts';

/** What a token says by itself: ids and times only. Names, roles and whether it still holds are read from the store. */
export interface TokenPayload {
  /** How the user proved who they are, first proof first. */
  methods: readonly AuthMethod[];
  userId: string;
  scope: PayloadScope;
  issuedAtMs: number;
  expiresAtMs: number;
  /** 16 random bytes in base64url: this token's, and, where it came from another token, that of the first of its chain. */
  auditIds: readonly [string] | readonly [string, string];
  /** What the token was made from, where somebody delegated: it carries what that holds and nothing else. */
  delegation?: DelegationReference;
}

export type AuthMethod = 'password' | 'token' | 'application_credential' | 'totp' | 'ec2credential';

type DelegationKind = 'application_credential' | 'trust' | 'ec2';

/** An application credential or trust by its id, an EC2 credential by the SHA-256 of its access key. */
export interface DelegationReference {
  kind: DelegationKind;
  id: string;
}

export type PayloadScope =
  | { kind: 'unscoped' }
  | { kind: 'project'; id: string }
  | { kind: 'domain'; id: string }
  | { kind: 'system' };

const FORMAT = 1;
/** A bit each, in this order: new ones go to the end. */
const METHODS: readonly AuthMethod[] = ['password', 'token', 'application_credential', 'totp', 'ec2credential'];
const SCOPES = ['unscoped', 'project', 'domain', 'system'] as const;
/** By number; 0 is a token that nobody delegated. */
const DELEGATIONS = [undefined, 'application_credential', 'trust', 'ec2'] as const;
const AUDIT_ID_BYTES = 16;
const UUID_HEX = /^[0-9a-f]{32}$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;
const PACKED_ID = 0xff;
const PACKED_SHA256 = 0xfe;

/**
 * Packs a payload: format, methods, delegation, user, scope, two 48-bit times, audit ids. At most 116 bytes with ids of our own
 * making, so that the token stays below 255 characters.
 */
export function encodePayload(payload: TokenPayload): Buffer {
  const times = Buffer.alloc(12);
  times.writeUIntBE(payload.issuedAtMs, 0, 6);
  times.writeUIntBE(payload.expiresAtMs, 6, 6);
  const methods = payload.methods.reduce((bits, method) => bits | (1 << METHODS.indexOf(method)), 0);
  const { scope, delegation } = payload;
  const audits = payload.auditIds.map((id) => Buffer.from(id, 'base64url'));
  invariant(
    audits.every(({ length }) => length === AUDIT_ID_BYTES),
    'an audit id has 16 bytes',
  );
  return Buffer.concat([
    Buffer.of(FORMAT, methods, DELEGATIONS.indexOf(delegation?.kind)),
    delegation ? encodeId(delegation.id) : Buffer.alloc(0),
    encodeId(payload.userId),
    Buffer.of(SCOPES.indexOf(scope.kind)),
    'id' in scope ? encodeId(scope.id) : Buffer.alloc(0),
    times,
    Buffer.of(audits.length),
    ...audits,
  ]);
}

/** The payload, or undefined for bytes that another version, or nobody, has written. */
export function decodePayload(bytes: Buffer): TokenPayload | undefined {
  try {
    return decode(new Reader(bytes));
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
}

class PayloadError extends Error {}

function decode(reader: Reader): TokenPayload {
  if (reader.byte() !== FORMAT) throw new PayloadError();
  const bits = reader.byte();
  if (bits >= 1 << METHODS.length) throw new PayloadError();
  const delegation = delegationOf(reader);
  const userId = reader.id();
  const scope = scopeOf(reader);
  const issuedAtMs = reader.bytes(6).readUIntBE(0, 6);
  const expiresAtMs = reader.bytes(6).readUIntBE(0, 6);
  const auditCount = reader.byte();
  if (auditCount !== 1 && auditCount !== 2) throw new PayloadError();
  const audit = reader.bytes(AUDIT_ID_BYTES).toString('base64url');
  const auditIds =
    auditCount === 1 ? ([audit] as const) : ([audit, reader.bytes(AUDIT_ID_BYTES).toString('base64url')] as const);
  reader.assertEnd();
  const methods = METHODS.filter((_, index) => bits & (1 << index));
  return { methods, userId, scope, issuedAtMs, expiresAtMs, auditIds, ...(delegation ? { delegation } : {}) };
}

function delegationOf(reader: Reader): DelegationReference | undefined {
  const number = reader.byte();
  if (number >= DELEGATIONS.length) throw new PayloadError();
  const kind = DELEGATIONS[number];
  return kind && { kind, id: reader.id() };
}

function scopeOf(reader: Reader): PayloadScope {
  const kind = SCOPES[reader.byte()];
  if (kind === undefined) throw new PayloadError();
  return kind === 'project' || kind === 'domain' ? { kind, id: reader.id() } : { kind };
}

/** 32 hexadecimal digits take 17 bytes, 64 take 33; any other id (`default`) its length and its text. */
function encodeId(id: string): Buffer {
  if (UUID_HEX.test(id)) return Buffer.concat([Buffer.of(PACKED_ID), Buffer.from(id, 'hex')]);
  if (SHA256_HEX.test(id)) return Buffer.concat([Buffer.of(PACKED_SHA256), Buffer.from(id, 'hex')]);
  const text = Buffer.from(id, 'utf8');
  if (text.length >= PACKED_SHA256) throw new InvariantError(`an id of ${text.length} bytes`);
  return Buffer.concat([Buffer.of(text.length), text]);
}

class Reader {
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

  id(): string {
    const length = this.byte();
    if (length === PACKED_ID) return this.bytes(16).toString('hex');
    return length === PACKED_SHA256 ? this.bytes(32).toString('hex') : this.bytes(length).toString('utf8');
  }

  assertEnd(): void {
    if (this.offset !== this.buffer.length) throw new PayloadError();
  }
}
