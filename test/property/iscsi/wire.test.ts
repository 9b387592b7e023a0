import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../../common/crc32c.ts';
import { Negotiation, NegotiationError } from '../../../volume/iscsi/session/negotiation.ts';
import { PduDecoder, PduError } from '../../../volume/iscsi/wire/decode-pdu.ts';
import { encodePdu } from '../../../volume/iscsi/wire/encode-pdu.ts';
import type { Pdu } from '../../../volume/iscsi/wire/pdu.ts';
import { encodeText, parseText, TextError } from '../../../volume/iscsi/wire/text.ts';

const bytes = (options: fc.IntArrayConstraints) => fc.uint8Array(options).map((array) => Buffer.from(array));
const pdus: fc.Arbitrary<Pdu> = fc.record({
  bhs: bytes({ minLength: 48, maxLength: 48 }),
  ahs: fc.integer({ min: 0, max: 5 }).chain((words) => bytes({ minLength: words * 4, maxLength: words * 4 })),
  data: bytes({ maxLength: 600 }),
});
const digests = fc.record({ header: fc.boolean(), data: fc.boolean() });

test('PDUs survive encoding and decoding, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(pdus, { maxLength: 6 }),
      digests,
      fc.array(fc.integer({ min: 1, max: 200 })),
      (sent, chosen, cuts) => {
        const stream = Buffer.concat(sent.flatMap((pdu) => encodePdu(pdu, chosen)));
        const decoder = new PduDecoder(1024);
        decoder.digests = chosen;
        const received: Pdu[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut += 1) {
          const end = at + (cuts[cut] ?? stream.length);
          decoder.push(stream.subarray(at, end));
          for (let pdu = decoder.next(); pdu !== undefined; pdu = decoder.next()) received.push(pdu);
          at = end;
        }
        expect(received).toEqual(sent);
      },
    ),
  );
});

test('any damaged bit of a PDU with both digests is noticed or changes nothing', () => {
  fc.assert(
    fc.property(pdus, fc.nat(), (pdu, position) => {
      const chosen = { header: true, data: true };
      const stream = Buffer.concat(encodePdu(pdu, chosen));
      const bit = position % (stream.length * 8);
      stream.writeUInt8(stream.readUInt8(bit >>> 3) ^ (1 << (bit & 7)), bit >>> 3);
      const decoder = new PduDecoder(1024);
      decoder.digests = chosen;
      decoder.push(stream);
      // A damaged length field may leave the decoder waiting for bytes that never come: no PDU is given either.
      let received: Pdu | undefined;
      try {
        received = decoder.next();
      } catch (error) {
        expect(error).toBeInstanceOf(PduError);
      }
      expect(received).toBeUndefined();
    }),
  );
});

test('random bytes give PDUs or a PduError, and never more memory than one PDU', () => {
  fc.assert(
    fc.property(fc.array(bytes({ maxLength: 300 })), digests, (chunks, chosen) => {
      const decoder = new PduDecoder(256);
      decoder.digests = chosen;
      try {
        for (const chunk of chunks) {
          decoder.push(chunk);
          for (let pdu = decoder.next(); pdu !== undefined; pdu = decoder.next())
            expect(pdu.data.length).toBeLessThanOrEqual(256);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(PduError);
      }
    }),
  );
});

test('crc32c of pieces is that of their concatenation, and of a bitwise reference', () => {
  const reference = (data: Buffer) => {
    let crc = -1;
    for (const byte of data) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    return ~crc >>> 0;
  };
  fc.assert(
    fc.property(fc.array(bytes({ maxLength: 40 })), (pieces) => {
      expect(crc32c(...pieces)).toBe(reference(Buffer.concat(pieces)));
    }),
  );
});

const key = fc.stringMatching(/^[A-Z][A-Za-z0-9]{0,20}$/);
const value = fc.stringMatching(/^[ -~]{0,30}$/);

test('text pairs survive encoding and parsing, with an equals sign in the value too', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 20 }), (pairs) => {
      expect(parseText(encodeText(pairs))).toEqual(pairs);
    }),
  );
});

test('random bytes are pairs or a TextError', () => {
  fc.assert(
    fc.property(bytes({ maxLength: 200 }), (text) => {
      try {
        parseText(text);
      } catch (error) {
        expect(error).toBeInstanceOf(TextError);
      }
    }),
  );
});

const known = fc.constantFrom(
  'HeaderDigest',
  'DataDigest',
  'MaxRecvDataSegmentLength',
  'MaxConnections',
  'InitialR2T',
  'ImmediateData',
  'MaxBurstLength',
  'FirstBurstLength',
  'MaxOutstandingR2T',
  'DataPDUInOrder',
  'DataSequenceInOrder',
  'DefaultTime2Wait',
  'DefaultTime2Retain',
  'ErrorRecoveryLevel',
  'IFMarker',
  'OFMarkInt',
  'TaskReporting',
  'iSCSIProtocolLevel',
  'constructor',
  'X-org.example.key',
);
const offered = fc.oneof(
  fc.constantFrom('Yes', 'No', 'None', 'CRC32C', 'CRC32C,None', 'None,CRC32C', 'RFC3720', 'Reject', 'Irrelevant', ''),
  fc.integer({ min: -1, max: 2 ** 25 }).map(String),
  fc.integer({ min: 0, max: 2 ** 20 }).map((number) => `0x${number.toString(16)}`),
  value,
);

test('whatever an initiator offers, the session’s parameters stay within the bounds of the protocol and ours', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(known, offered), { selector: ([name]) => name }),
      fc.boolean(),
      (pairs, discovery) => {
        const negotiation = new Negotiation(() => discovery);
        const answers = new Map(negotiation.answer(pairs));
        const { maxSendSegmentBytes, maxBurstBytes, firstBurstBytes } = negotiation.parameters;
        expect(maxSendSegmentBytes).toBeGreaterThanOrEqual(512);
        expect(maxSendSegmentBytes).toBeLessThan(2 ** 24);
        expect(maxBurstBytes).toBeGreaterThanOrEqual(512);
        expect(maxBurstBytes).toBeLessThanOrEqual(1024 * 1024);
        expect(firstBurstBytes).toBeLessThanOrEqual(Math.min(maxBurstBytes, 256 * 1024));
        for (const [name, offer] of pairs) {
          const answer = answers.get(name);
          if (['Reject', 'Irrelevant', 'NotUnderstood'].includes(offer))
            expect(answer === undefined || name === 'MaxRecvDataSegmentLength').toBe(true);
          if (name === 'constructor' || name.startsWith('X-')) expect(answer ?? 'NotUnderstood').toBe('NotUnderstood');
        }
        const first = answers.get('FirstBurstLength');
        if (first !== undefined && /^\d+$/.test(first)) expect(Number(first)).toBe(firstBurstBytes);
      },
    ),
  );
});

test.each([
  ['MaxConnections', '4', '1'],
  ['ErrorRecoveryLevel', '2', '0'],
  ['InitialR2T', 'No', 'No'],
  ['InitialR2T', 'Yes', 'Yes'],
  ['ImmediateData', 'No', 'No'],
  ['MaxBurstLength', '16776192', '1048576'],
  ['MaxBurstLength', '0x10000', '65536'],
  ['MaxBurstLength', '1', 'Reject'],
  ['HeaderDigest', 'None,CRC32C', 'None'],
  ['DataDigest', 'CRC32C,None', 'CRC32C'],
  ['DataDigest', 'SHA', 'Reject'],
  ['MaxOutstandingR2T', '8', '1'],
  ['DefaultTime2Wait', '0', '2'],
  ['DefaultTime2Retain', '20', '0'],
  ['OFMarker', 'Yes', 'No'],
  ['X-com.example', 'x', 'NotUnderstood'],
])('%s=%s is answered with %s', (name, offer, answer) => {
  expect(new Map(new Negotiation(() => false).answer([[name, offer]])).get(name)).toBe(answer);
});

test('a key that is negotiated twice ends the login', () => {
  const negotiation = new Negotiation(() => false);
  negotiation.answer([['InitialR2T', 'No']]);
  expect(() => negotiation.answer([['InitialR2T', 'No']])).toThrow(NegotiationError);
});
