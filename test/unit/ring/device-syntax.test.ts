import { describe, expect, it } from 'vitest';
import {
  formatDevice,
  normalizeAddress,
  parseDeviceSpec,
  parseInfo,
  parseSearch,
  searchDevices,
} from '../../../ring/device-syntax.ts';
import { device } from '../../support/ring/scenarios.ts';

describe('a device to add', () => {
  it('has region, zone, address, port, name and note', () => {
    expect(parseDeviceSpec('r1z2-127.0.0.1:6200/sdb1_a note: 5')).toEqual({
      region: 1,
      zone: 2,
      ip: '127.0.0.1',
      port: 6200,
      replicationIp: '127.0.0.1',
      replicationPort: 6200,
      device: 'sdb1',
      meta: 'a note: 5',
    });
  });

  it('may leave out the region and name a replication address', () => {
    expect(parseDeviceSpec('z2-10.0.0.1:6200R10.1.0.1:6300/sdb1')).toMatchObject({
      region: undefined,
      replicationIp: '10.1.0.1',
      replicationPort: 6300,
      meta: '',
    });
  });

  it('may have IPv6 addresses, which get one spelling', () => {
    expect(parseDeviceSpec('r1z1-[2001:DB8:0:0::1]:6200R[::0:2]:6300/sdb')).toMatchObject({
      ip: '2001:db8::1',
      replicationIp: '::2',
    });
  });

  const wrong = [
    '',
    'r1-127.0.0.1:6200/sdb',
    'z1-127.0.0.1/sdb',
    'z1-127.0.0.1:6200',
    'z1-127.0.0.1:6200/',
    'z1-127.0.0.1:x/sdb',
    'z1-300.0.0.1:6200/sdb',
    'z1-127.0.0.1:70000/sdb',
    'rz1-127.0.0.1:1/sdb',
    'z1-127.0.0.1:6200/ sdb',
  ];
  for (const text of wrong)
    it(`is refused as '${text}'`, () => {
      expect(() => parseDeviceSpec(text)).toThrow(expect.objectContaining({ code: 'RingSyntaxError' }));
    });
});

describe('a search value', () => {
  const cases: [string, object][] = [
    ['d74', { id: 74 }],
    ['r4', { region: 4 }],
    ['z1', { zone: 1 }],
    ['z1-1.2.3.4', { zone: 1, ip: '1.2.3.4' }],
    ['1.2.3.4', { ip: '1.2.3.4' }],
    ['z1:5678', { zone: 1, port: 5678 }],
    [':5678', { port: 5678 }],
    ['R5.6.7.8', { replicationIp: '5.6.7.8' }],
    ['R:5678', { replicationPort: 5678 }],
    ['1.2.3.4R5.6.7.8', { ip: '1.2.3.4', replicationIp: '5.6.7.8' }],
    ['/sdb1', { device: 'sdb1' }],
    ['_shiny', { meta: 'shiny' }],
    ['[::1]', { ip: '::1' }],
    ['z1-[::1]:5678', { zone: 1, ip: '::1', port: 5678 }],
    [
      'd74r4z1-1.2.3.4:5678/sdb1_"snet: 5.6.7.8"',
      { id: 74, region: 4, zone: 1, ip: '1.2.3.4', port: 5678, device: 'sdb1', meta: '"snet: 5.6.7.8"' },
    ],
  ];
  for (const [text, fields] of cases)
    it(`reads ${text}`, () => {
      expect(parseSearch(text)).toEqual(fields);
    });

  it('that says nothing, or something else, is refused', () => {
    for (const text of ['', '-', 'sdb1', 'x1', 'z1-1.2.3', 'd1 '])
      expect(() => parseSearch(text)).toThrow(expect.objectContaining({ code: 'RingSyntaxError' }));
  });

  it('finds the devices that match every part; of the note a part is enough', () => {
    const devices = [
      device({ id: 0, meta: 'rack 1' }),
      undefined,
      device({ id: 2, zone: 2, meta: 'rack 12' }),
      device({ id: 3, zone: 2 }),
    ];
    const found = (text: string) => searchDevices(devices, parseSearch(text)).map(({ id }) => id);
    expect(found('z2')).toEqual([2, 3]);
    expect(found('_rack 1')).toEqual([0, 2]);
    expect(found('z2_rack')).toEqual([2]);
    expect(found('d1')).toEqual([]);
  });
});

describe('a change of a device', () => {
  it('names address, name or note, but no region, zone or id', () => {
    expect(parseInfo('10.0.0.9:6300/sdz')).toEqual({ ip: '10.0.0.9', port: 6300, device: 'sdz' });
    for (const text of ['z2', 'd1/sdb', '/']) expect(() => parseInfo(text)).toThrow();
  });
});

describe('a device on paper', () => {
  it('brackets IPv6 addresses', () => {
    expect(formatDevice(device({ id: 5, ip: '::1', meta: 'x' }))).toBe('d5r1z1-[::1]:6200R[::1]:6200/sd5_"x"');
  });
});

describe('an address', () => {
  it('may be a host name, in lower case', () => {
    expect(normalizeAddress('Storage-1.Example.org')).toBe('storage-1.example.org');
  });

  it('is refused when it is neither', () => {
    for (const text of ['', 'a b', '-a', '[10.0.0.1', '[name]', '1::2::3'])
      expect(() => normalizeAddress(text)).toThrow();
  });
});
