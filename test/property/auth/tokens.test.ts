import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFernet, encodeFernet, type FernetKey } from '../../../auth/tokens/fernet.ts';
import type { AuthMethod } from '../../../auth/tokens/packing.ts';
import {
  type DelegationReference,
  decodePayload,
  encodePayload,
  type TokenPayload,
} from '../../../auth/tokens/payload.ts';
import { decodeReceipt, encodeReceipt } from '../../../auth/tokens/receipt.ts';

const bytesOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
const key: fc.Arbitrary<FernetKey> = fc.record({ signing: bytesOf(16), encryption: bytesOf(16) });

const uuid = bytesOf(16).map((bytes) => bytes.toString('hex'));
const id = fc.oneof(uuid, fc.constant('default'), fc.string({ minLength: 1, maxLength: 60 }));
const audit = bytesOf(16).map((bytes) => bytes.toString('base64url'));
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

/** In the order in which a payload keeps them. */
const METHODS: readonly AuthMethod[] = ['password', 'token', 'application_credential', 'totp', 'ec2credential'];
const methods = fc.subarray([...METHODS], { minLength: 1 });
const sha256 = bytesOf(32).map((bytes) => bytes.toString('hex'));

/** What a token may be made from: an EC2 credential goes by a hash, the others by an id. */
function delegationWith(ids: fc.Arbitrary<string>): fc.Arbitrary<DelegationReference> {
  return fc.oneof(
    fc.record({ kind: fc.constantFrom('application_credential' as const, 'trust' as const), id: ids }),
    fc.record({ kind: fc.constant('ec2' as const), id: sha256 }),
  );
}

function payloadWith(ids: fc.Arbitrary<string>): fc.Arbitrary<TokenPayload> {
  const parts = fc.record({
    methods,
    userId: ids,
    scope: fc.oneof(
      fc.constant({ kind: 'unscoped' as const }),
      fc.constant({ kind: 'system' as const }),
      ids.map((each) => ({ kind: 'project' as const, id: each })),
      ids.map((each) => ({ kind: 'domain' as const, id: each })),
    ),
    issuedAtMs: time,
    expiresAtMs: time,
    auditIds: fc.oneof(fc.tuple(audit), fc.tuple(audit, audit)),
  });
  return fc
    .tuple(parts, fc.option(delegationWith(ids), { nil: undefined }))
    .map(([payload, delegation]) => (delegation ? { ...payload, delegation } : payload));
}

describe('token payloads', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(payloadWith(id), (payload) => {
        expect(decodePayload(encodePayload(payload))).toEqual(payload);
      }),
    );
  });

  it('are refused when cut, and never throw on other bytes', () => {
    fc.assert(
      fc.property(payloadWith(id), fc.nat(), (payload, at) => {
        const bytes = encodePayload(payload);
        expect(decodePayload(bytes.subarray(0, at % bytes.length))).toBeUndefined();
        expect(decodePayload(Buffer.concat([bytes, Buffer.of(0)]))).toBeUndefined();
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodePayload(Buffer.from(bytes))));
  });

  it('differ where what was delegated differs: no token is another’s', () => {
    fc.assert(
      fc.property(payloadWith(id), fc.option(delegationWith(id), { nil: undefined }), (payload, delegation) => {
        const { delegation: held, ...rest } = payload;
        fc.pre(JSON.stringify(held) !== JSON.stringify(delegation));
        const other = encodePayload(delegation ? { ...rest, delegation } : rest);
        expect(other.equals(encodePayload(payload))).toBe(false);
        expect(decodePayload(other)?.delegation).toEqual(delegation);
      }),
    );
  });

  it('take 116 bytes at most with ids of our own making, whatever was delegated', () => {
    fc.assert(
      fc.property(payloadWith(uuid), (payload) => {
        expect(encodePayload(payload).length).toBeLessThanOrEqual(116);
      }),
    );
  });

  it('make tokens of less than 255 characters', () => {
    fc.assert(
      fc.property(payloadWith(uuid), key, (payload, each) => {
        expect(encodeFernet(encodePayload(payload), each, { issuedAtS: 0 }).length).toBeLessThan(255);
      }),
    );
  });
});

describe('receipts', () => {
  const receipt = fc.record({ methods, userId: id, issuedAtMs: time, expiresAtMs: time });

  it('come back as they went in, are refused when cut, and no token is one, nor one a token', () => {
    fc.assert(
      fc.property(receipt, payloadWith(id), fc.nat(), (each, payload, at) => {
        const bytes = encodeReceipt(each);
        expect(decodeReceipt(bytes)).toEqual(each);
        expect(decodeReceipt(bytes.subarray(0, at % bytes.length))).toBeUndefined();
        expect(decodePayload(bytes)).toBeUndefined();
        expect(decodeReceipt(encodePayload(payload))).toBeUndefined();
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeReceipt(Buffer.from(bytes))));
  });
});

describe('Fernet', () => {
  const seconds = fc.integer({ min: 0, max: 2 ** 40 });

  it('gives back what was put in, with the right key among others', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        key,
        fc.array(key, { maxLength: 3 }),
        seconds,
        (payload, own, others, issuedAtS) => {
          const token = encodeFernet(payload, own, { issuedAtS });
          expect(decodeFernet(token, [...others, own])).toEqual(Buffer.from(payload));
        },
      ),
    );
  });

  it('refuses a token in which any bit was changed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), key, fc.nat(), (payload, own, at) => {
        const bytes = Buffer.from(encodeFernet(payload, own, { issuedAtS: 1 }), 'base64url');
        const bit = at % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(decodeFernet(bytes.toString('base64url'), [own])).toBeUndefined();
      }),
    );
  });
});
