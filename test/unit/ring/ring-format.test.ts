import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { RingBuilder } from '../../../ring/builder/builder.ts';
import { decodeRing, encodeRing } from '../../../ring/ring-format.ts';
import { device } from '../../support/ring/scenarios.ts';

const PARTITIONS = 16;

function ring() {
  const builder = RingBuilder.create({ id: 'x', partPower: 4, replicas: 2, minPartHours: 1 });
  for (let id = 0; id < 3; id++) builder.addDevice(device({ id, zone: id }));
  builder.rebalance({ nowSeconds: 1e9 });
  return builder.ringData();
}

const DEVICE = { id: 0, region: 1, zone: 1, ip: '10.0.0.1', port: 6200, device: 'sda', weight: 1 };
const HEADER = { byteorder: 'little', devs: [DEVICE] as unknown[], part_shift: 28, replica_count: 1 };

function file(header: object | string, body: Buffer = Buffer.alloc(PARTITIONS * 2)): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const preamble = Buffer.from('R1NG\0\x01\0\0\0\0', 'latin1');
  preamble.writeUInt32BE(json.length, 6);
  return gzipSync(Buffer.concat([preamble, json, body]));
}

describe('a ring file', () => {
  it('is the same for the same ring, and carries the fixed time stamp and no name', () => {
    const bytes = encodeRing(ring());
    expect(encodeRing(ring()).equals(bytes)).toBe(true);
    expect(bytes.readUInt32LE(4)).toBe(1_300_507_380);
    expect(bytes.toString('hex', 0, 4)).toBe('1f8b0800');
    expect(gunzipSync(bytes).toString('latin1', 0, 6)).toBe('R1NG\0\x01');
  });

  it('of a big-endian machine is read in its byte order', () => {
    const body = Buffer.alloc(PARTITIONS * 2);
    for (let partition = 0; partition < PARTITIONS; partition++) body.writeUInt16BE(partition % 2, 2 * partition);
    const devs = [DEVICE, { ...DEVICE, id: 1, device: 'sdb' }];
    const { assignment } = decodeRing(file({ ...HEADER, byteorder: 'big', devs }, body));
    expect([...new Uint16Array(assignment)]).toEqual(Array.from({ length: PARTITIONS }, (_, at) => at % 2));
  });

  it('of an old version gets its missing fields', () => {
    const { region: _, ...old } = DEVICE;
    const { devices, version, nextPartPower } = decodeRing(file({ ...HEADER, devs: [old] }));
    expect(devices).toEqual([{ ...DEVICE, region: 1, replicationIp: '10.0.0.1', replicationPort: 6200, meta: '' }]);
    expect([version, nextPartPower]).toEqual([undefined, undefined]);
  });

  const whole = file(HEADER);
  const cases: [what: string, file: Buffer, message: RegExp][] = [
    ['is empty', Buffer.alloc(0), /not a whole gzip file/],
    ['is not gzip', Buffer.from('hello, world, this is no ring'), /not a whole gzip file/],
    ['is cut short', whole.subarray(0, whole.length - 9), /not a whole gzip file/],
    ['holds nothing', gzipSync(''), /cut short/],
    ['is an old pickle', gzipSync(Buffer.from('\x80\x02}q\x01(U\x04devsq\x02', 'latin1')), /does not begin with R1NG/],
    ['has another version', gzipSync(Buffer.from('R1NG\0\x02\0\0\0\0', 'latin1')), /version 2 is not supported/],
    ['ends within its header', gzipSync(Buffer.from('R1NG\0\x01\0\0\xff\xff{}', 'latin1')), /ends within its header/],
    ['claims a huge header', gzipSync(Buffer.from('R1NG\0\x01\xff\xff\xff\xff{}', 'latin1')), /ends within its header/],
    ['has a header that is not JSON', file('{"devs": ['), /not JSON/],
    ['has a header that is no object', file('[]'), /not a JSON object/],
    ['has no devices', file({ ...HEADER, devs: undefined }), /devs is not a list/],
    ['has a device that is a number', file({ ...HEADER, devs: [7] }), /devs\[0\] is neither a device nor null/],
    ['has a device in a wrong place', file({ ...HEADER, devs: [null, DEVICE] }), /devs\[1\].id/],
    ['has a negative weight', file({ ...HEADER, devs: [{ ...DEVICE, weight: -1 }] }), /devs\[0\].weight/],
    ['has a port out of range', file({ ...HEADER, devs: [{ ...DEVICE, port: 70_000 }] }), /devs\[0\].port/],
    ['has a device without address', file({ ...HEADER, devs: [{ ...DEVICE, ip: undefined }] }), /devs\[0\].ip/],
    ['has too large a partition power', file({ ...HEADER, part_shift: 1 }), /part_shift/],
    ['has a broken partition power', file({ ...HEADER, part_shift: 28.5 }), /part_shift/],
    ['has too many replicas', file({ ...HEADER, replica_count: 65 }), /replica_count/],
    ['has an unknown byte order', file({ ...HEADER, byteorder: 'middle' }), /byteorder/],
    ['has too short a first row', file({ ...HEADER, replica_count: 2 }, Buffer.alloc(30)), /30 bytes of assignment/],
    ['has bytes behind its rows', file(HEADER, Buffer.alloc(PARTITIONS * 2 + 2)), /34 bytes of assignment/],
    ['has half a device id', file(HEADER, Buffer.alloc(PARTITIONS * 2 - 1)), /31 bytes of assignment/],
    [
      'assigns to a device that is not there',
      file({ ...HEADER, devs: [null, { ...DEVICE, id: 1 }] }),
      /partition 0, replica 0 is on device 0/,
    ],
  ];
  for (const [what, bytes, message] of cases)
    it(`that ${what} is refused, and the error says why`, () => {
      expect(() => decodeRing(bytes)).toThrow(
        expect.objectContaining({ code: 'RingFileMalformed', message: expect.stringMatching(message) }),
      );
    });
});
