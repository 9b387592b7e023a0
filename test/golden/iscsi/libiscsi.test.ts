import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chapResponse, parseBinary } from '../../../volume/iscsi/session/chap.ts';
import { Negotiation } from '../../../volume/iscsi/session/negotiation.ts';
import { crc32c } from '../../../common/crc32c.ts';
import { PduDecoder } from '../../../volume/iscsi/wire/decode-pdu.ts';
import { encodePdu } from '../../../volume/iscsi/wire/encode-pdu.ts';
import { opcodeOf, type Pdu, REQUEST, RESPONSE } from '../../../volume/iscsi/wire/pdu.ts';
import { decodeLoginRequest, decodeScsiCommand, decodeTextRequest } from '../../../volume/iscsi/wire/request-pdus.ts';
import { parseText } from '../../../volume/iscsi/wire/text.ts';

type Side = 'initiator' | 'target';

function stream(name: string, side: Side): Buffer {
  const recording = JSON.parse(readFileSync(join(import.meta.dirname, `${name}.json`), 'utf8')) as Record<Side, string[]>;
  return Buffer.from(recording[side].join(''), 'hex');
}

function pdusOf(name: string, side: Side): Pdu[] {
  const decoder = new PduDecoder(8192);
  decoder.push(stream(name, side));
  const pdus: Pdu[] = [];
  for (let pdu = decoder.next(); pdu !== undefined; pdu = decoder.next()) pdus.push(pdu);
  return pdus;
}

const texts = (name: string, side: Side, opcode: number) =>
  new Map(pdusOf(name, side).filter((pdu) => opcodeOf(pdu) === opcode).flatMap(({ data }) => parseText(data)));

describe.each([['inquiry'], ['discovery']])('what libiscsi sends: %s', (name) => {
  test('decodes, and encodes to the same bytes', () => {
    const encoded = pdusOf(name, 'initiator').flatMap((pdu) => encodePdu(pdu, { header: false, data: false }));
    expect(Buffer.concat(encoded).equals(stream(name, 'initiator'))).toBe(true);
  });

  test('its CHAP response is the one that the secret gives to the recorded challenge', () => {
    const asked = texts(name, 'target', RESPONSE.login);
    const said = texts(name, 'initiator', REQUEST.login);
    const challenge = {
      algorithm: asked.get('CHAP_A') ?? '',
      identifier: Number(asked.get('CHAP_I')),
      challenge: parseBinary(asked.get('CHAP_C') ?? '') ?? Buffer.alloc(0),
    };
    expect(said.get('CHAP_N')).toBe('alice');
    expect(chapResponse(challenge, 'secret12chars')).toEqual(parseBinary(said.get('CHAP_R') ?? ''));
    expect(chapResponse(challenge, 'secret12char')).not.toEqual(parseBinary(said.get('CHAP_R') ?? ''));
  });
});

test('the login stages of libiscsi are security, security, security, operational to full feature', () => {
  const logins = pdusOf('inquiry', 'initiator').filter((pdu) => opcodeOf(pdu) === REQUEST.login).map(decodeLoginRequest);
  expect(logins.map(({ currentStage, nextStage, transit }) => [currentStage, nextStage, transit])).toEqual([
    [0, 1, true],
    [0, 1, false],
    [0, 1, true],
    [1, 3, true],
  ]);
});

test('its operational keys give a session with immediate and unsolicited data', () => {
  const keys = pdusOf('inquiry', 'initiator').filter((pdu) => opcodeOf(pdu) === REQUEST.login)[3];
  const negotiation = new Negotiation(() => false);
  const answers = new Map(negotiation.answer(parseText(keys?.data ?? Buffer.alloc(0))));
  expect(negotiation.parameters).toEqual({
    headerDigest: false,
    dataDigest: false,
    maxSendSegmentBytes: 262_144,
    maxBurstBytes: 262_144,
    firstBurstBytes: 262_144,
    initialR2t: false,
    immediateData: true,
  });
  expect(answers.get('MaxRecvDataSegmentLength')).toBe('262144');
});

test('its commands are two TEST UNIT READY and two INQUIRY, and it asks for all targets', () => {
  const commands = pdusOf('inquiry', 'initiator').filter((pdu) => opcodeOf(pdu) === REQUEST.scsiCommand).map(decodeScsiCommand);
  expect(commands.map(({ cdb, reads, expectedBytes }) => [cdb[0], reads, expectedBytes])).toEqual([
    [0x00, false, 0],
    [0x00, false, 0],
    [0x12, true, 64],
    [0x12, true, 96],
  ]);
  const [text] = pdusOf('discovery', 'initiator').filter((pdu) => opcodeOf(pdu) === REQUEST.text).map(decodeTextRequest);
  expect(parseText(text?.data ?? Buffer.alloc(0))).toEqual([['SendTargets', 'All']]);
});

/** Digest bytes as on the wire. Spec: RFC 3720, B.4 (CRC examples) */
test.each([
  ['32 bytes of zeros', Buffer.alloc(32), 'aa36918a'],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), '43aba862'],
  ['32 bytes counting up', Buffer.from(Array.from({ length: 32 }, (_, at) => at)), '4e79dd46'],
  ['32 bytes counting down', Buffer.from(Array.from({ length: 32 }, (_, at) => 31 - at)), '5cdb3f11'],
  [
    'a READ(10) PDU',
    Buffer.from('01c0000000000000000000000000000014000000000004000000001400000018280000000000000002000000'.padEnd(96, '0'), 'hex'),
    '563a96d9',
  ],
])('the CRC example of the standard: %s', (_, bytes, digest) => {
  const wire = Buffer.alloc(4);
  wire.writeUInt32LE(crc32c(bytes));
  expect(wire.toString('hex')).toBe(digest);
});
