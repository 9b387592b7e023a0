import { invariant } from '../../common/errors.ts';
import {
  type AuthMethod,
  decodeWith,
  encodeId,
  encodeMethods,
  encodeTime,
  PayloadError,
  type PayloadReader,
} from './packing.ts';

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
const SCOPES = ['unscoped', 'project', 'domain', 'system'] as const;
/** By number; 0 is a token that nobody delegated. */
const DELEGATIONS = [undefined, 'application_credential', 'trust', 'ec2'] as const;
const AUDIT_ID_BYTES = 16;

/**
 * Packs a payload: format, methods, delegation, user, scope, two 48-bit times, audit ids. At most 116 bytes with ids of our own
 * making, so that the token stays below 255 characters.
 */
export function encodePayload(payload: TokenPayload): Buffer {
  const { scope, delegation } = payload;
  const audits = payload.auditIds.map((id) => Buffer.from(id, 'base64url'));
  invariant(
    audits.every(({ length }) => length === AUDIT_ID_BYTES),
    'an audit id has 16 bytes',
  );
  return Buffer.concat([
    Buffer.of(FORMAT, encodeMethods(payload.methods), DELEGATIONS.indexOf(delegation?.kind)),
    delegation ? encodeId(delegation.id) : Buffer.alloc(0),
    encodeId(payload.userId),
    Buffer.of(SCOPES.indexOf(scope.kind)),
    'id' in scope ? encodeId(scope.id) : Buffer.alloc(0),
    encodeTime(payload.issuedAtMs),
    encodeTime(payload.expiresAtMs),
    Buffer.of(audits.length),
    ...audits,
  ]);
}

/** The payload, or undefined for bytes that another version, or nobody, has written. */
export function decodePayload(bytes: Buffer): TokenPayload | undefined {
  return decodeWith(bytes, decode);
}

function decode(reader: PayloadReader): TokenPayload {
  if (reader.byte() !== FORMAT) throw new PayloadError();
  const methods = reader.methods();
  const delegation = delegationOf(reader);
  const userId = reader.id();
  const scope = scopeOf(reader);
  const issuedAtMs = reader.timeMs();
  const expiresAtMs = reader.timeMs();
  const auditCount = reader.byte();
  if (auditCount !== 1 && auditCount !== 2) throw new PayloadError();
  const audit = reader.bytes(AUDIT_ID_BYTES).toString('base64url');
  const auditIds =
    auditCount === 1 ? ([audit] as const) : ([audit, reader.bytes(AUDIT_ID_BYTES).toString('base64url')] as const);
  return { methods, userId, scope, issuedAtMs, expiresAtMs, auditIds, ...(delegation ? { delegation } : {}) };
}

function delegationOf(reader: PayloadReader): DelegationReference | undefined {
  const number = reader.byte();
  if (number >= DELEGATIONS.length) throw new PayloadError();
  const kind = DELEGATIONS[number];
  return kind && { kind, id: reader.id() };
}

function scopeOf(reader: PayloadReader): PayloadScope {
  const kind = SCOPES[reader.byte()];
  if (kind === undefined) throw new PayloadError();
  return kind === 'project' || kind === 'domain' ? { kind, id: reader.id() } : { kind };
}
