import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bodyOf } from '../../../proxy/message.ts';
import { fakeRing } from '../../support/swift-fakes/fake-ring.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { plainCodec } from '../../support/swift-fakes/plain-codec.ts';
import { policiesOf } from '../../support/swift-fakes/policy-config.ts';
import { rootSecrets } from '../../support/swift-fakes/root-secrets.ts';

const SEGMENT = 4096;
const POLICIES = policiesOf(
  { index: 0, name: 'whole' },
  { index: 3, name: 'coded', type: 'erasure_coding', data_fragments: 4, parity_fragments: 2, segment_bytes: SEGMENT },
);
const DEVICES = 9;
const CODED_RING = fakeRing(DEVICES, 6);
/** Three segments, the last of them short. */
const BODY = Buffer.from(Array.from({ length: 2 * SEGMENT + 1001 }, (_, index) => (index * 7 + (index >> 8)) % 256));

const md5 = (bytes: Uint8Array | string) => createHash('md5').update(bytes).digest('hex');

describe('erasure coding', () => {
  let swift: FakeSwift;

  const start = (secrets?: ReturnType<typeof rootSecrets>) =>
    FakeSwift.start({
      straight: true,
      devices: DEVICES,
      config: { policies: POLICIES },
      deps: {
        erasure: plainCodec,
        rootSecrets: secrets,
        rings: {
          account: fakeRing(DEVICES, 3),
          container: fakeRing(DEVICES, 3),
          object: (index) => (index === 3 ? CODED_RING : fakeRing(DEVICES, 3)),
        },
      },
    });

  beforeEach(async () => {
    swift = await start();
    await swift.put('/c', '', { 'x-storage-policy': 'coded' });
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  /** Live fragments: `index` by device. */
  const fragments = () =>
    [...swift.objects].flatMap(([device, { objects }]) =>
      [...objects].flatMap(([key, { data }]) => {
        const [policyIndex, , , object] = JSON.parse(key) as [number, string, string, string];
        return data && policyIndex === 1003
          ? [{ device, index: Number(object.split('/')[1]), bytes: data.bytes, key }]
          : [];
      }),
    );
  const primary = (index: number, object = 'o') =>
    CODED_RING.primaries(CODED_RING.partitionOf('AUTH_p1', 'c', object))[index]?.device ?? '';
  const storeOf = (index: number) => {
    const store = swift.objects.get(primary(index));
    if (!store) throw new Error(`no device of fragment ${index}`);
    return store;
  };
  const get = async (range?: string) => {
    const response = await swift.request('GET', '/c/o', range === undefined ? {} : { headers: { range } });
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers };
  };

  it('a body lies in fragments, one on each device of its partition, and is read as it was', async () => {
    const put = await swift.put('/c/o', BODY, { 'x-object-meta-a': '1', 'content-type': 'text/x' });
    expect([put.status, put.headers.get('etag')]).toEqual([201, md5(BODY)]);
    expect(fragments().map(({ device, index }) => device === primary(index))).toEqual(new Array(6).fill(true));
    for (const { bytes } of fragments()) expect(bytes.length).toBe(2 * (SEGMENT / 4) + 256);
    const { status, bytes, headers } = await get();
    expect([status, bytes.equals(BODY), headers.get('content-length')]).toEqual([200, true, String(BODY.length)]);
    expect([headers.get('etag'), headers.get('content-type'), headers.get('x-object-meta-a')]).toEqual([
      md5(BODY),
      'text/x',
      '1',
    ]);
    const rows = (await (await swift.request('GET', '/c?format=json')).json()) as { hash: string; bytes: number }[];
    expect(rows.map((row) => [row.hash, row.bytes])).toEqual([[md5(BODY), BODY.length]]);
    const head = await swift.request('HEAD', '/c/o');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(BODY.length)]);
  });

  it('bodies of all sizes around segments and pieces', async () => {
    for (const size of [0, 1, 3, 4, 5, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT]) {
      const body = BODY.subarray(0, size);
      expect((await swift.put('/c/o', body)).status).toBe(201);
      const got = await get();
      expect([size, got.bytes.equals(body), got.headers.get('etag')]).toEqual([size, true, md5(body)]);
    }
  });

  it('ranges come from the segments that they touch', async () => {
    await swift.put('/c/o', BODY);
    for (const [from, to] of [
      [0, 1],
      [SEGMENT - 1, SEGMENT + 1],
      [100, 2 * SEGMENT + 10],
      [2 * SEGMENT, BODY.length],
    ] as const) {
      const { status, bytes } = await get(`bytes=${from}-${to - 1}`);
      expect([status, bytes.equals(BODY.subarray(from, to))]).toEqual([206, true]);
    }
    const several = await get('bytes=0-9,5000-5009');
    expect(several.bytes.includes(BODY.subarray(5000, 5010))).toBe(true);
  });

  it('any two fragments may be lost', async () => {
    await swift.put('/c/o', BODY);
    for (let first = 0; first < 6; first += 1)
      for (let second = first + 1; second < 6; second += 1) {
        for (const index of [first, second]) storeOf(index).faults.unavailable = 'DeviceUnavailable';
        const { status, bytes } = await get();
        expect([first, second, status, bytes.equals(BODY)]).toEqual([first, second, 200, true]);
        const range = await get('bytes=4000-4199');
        expect(range.bytes.equals(BODY.subarray(4000, 4200))).toBe(true);
        for (const index of [first, second]) storeOf(index).faults.unavailable = undefined;
      }
  });

  it('three lost are an error, before the answer begins', async () => {
    await swift.put('/c/o', BODY);
    for (const index of [0, 2, 5]) storeOf(index).faults.unavailable = 'DeviceUnavailable';
    expect((await get()).status).toBe(503);
  });

  it('a fragment that fails in the middle is replaced, at the same segment', async () => {
    await swift.put('/c/o', BODY);
    storeOf(1).faults.corruptAt = SEGMENT / 4 + 5;
    expect((await get()).bytes.equals(BODY)).toBe(true);
    storeOf(3).faults.corruptAt = 5;
    expect((await get()).bytes.equals(BODY)).toBe(true);
    storeOf(1).faults.corruptAt = undefined;
    storeOf(3).faults.corruptAt = undefined;
  });

  it('a lost fragment is made again after a read', async () => {
    await swift.put('/c/o', BODY);
    for (const index of [1, 4]) {
      const lost = fragments().find((each) => each.index === index);
      storeOf(index).objects.delete(lost?.key ?? '');
      // One of the parity is missed only where one of the data is lost too.
      if (index === 4) storeOf(0).faults.unavailable = 'DeviceUnavailable';
      expect((await get()).bytes.equals(BODY)).toBe(true);
      storeOf(0).faults.unavailable = undefined;
      await expect.poll(() => fragments().find((each) => each.index === index)?.bytes).toEqual(lost?.bytes);
      expect(fragments().find((each) => each.index === index)?.device).toBe(primary(index));
    }
  });

  it('a write goes on without one device, on a handoff; with too few it leaves nothing', async () => {
    storeOf(2).faults.unavailable = 'DeviceUnavailable';
    expect((await swift.put('/c/o', BODY)).status).toBe(201);
    expect(fragments()).toHaveLength(6);
    expect((await get()).bytes.equals(BODY)).toBe(true);
    storeOf(2).faults.unavailable = undefined;
    expect((await get()).bytes.equals(BODY)).toBe(true);
    await expect.poll(() => fragments().filter(({ device, index }) => device === primary(index)).length).toBe(6);
    const before = fragments().length;
    for (const store of [...swift.objects.values()].slice(0, 5)) store.faults.unavailable = 'InsufficientStorage';
    expect((await swift.put('/c/other', BODY)).status).toBe(507);
    for (const store of swift.objects.values()) store.faults.unavailable = undefined;
    expect(fragments()).toHaveLength(before);
    expect((await swift.request('GET', '/c/other')).status).toBe(404);
  });

  it('fragments that fail on the way are left out, as long as one more than needed is there', async () => {
    storeOf(0).faults.writeFailsAfter = 100;
    expect((await swift.put('/c/o', BODY)).status).toBe(201);
    expect(fragments()).toHaveLength(5);
    expect((await get()).bytes.equals(BODY)).toBe(true);
    storeOf(1).faults.writeFailsAfter = 100;
    expect((await swift.put('/c/o', BODY)).status).toBe(503);
    expect((await get()).bytes.equals(BODY)).toBe(true);
    for (const index of [0, 1]) storeOf(index).faults.writeFailsAfter = undefined;
    expect((await get()).bytes.equals(BODY)).toBe(true);
    await expect.poll(() => fragments()).toHaveLength(6);
  });

  it('a wrong ETag, a precondition and an older version leave what was there, and nothing else', async () => {
    await swift.put('/c/o', BODY);
    expect((await swift.put('/c/o', 'other', { etag: md5('something') })).status).toBe(422);
    expect((await swift.put('/c/o', 'other', { 'if-none-match': '*' })).status).toBe(412);
    const late = swift.services.objects.put({
      name: { account: 'AUTH_p1', container: 'c', object: 'o', policyIndex: 3 },
      contentType: 'text/plain',
      fixedMetadata: {},
      metadata: {},
      onlyIfAbsent: false,
      onlyIfUnchangedSince: '0000000001.00000',
      body: bodyOf(Buffer.from('other')),
      expectedEtag: undefined,
      mostBytes: 9,
    });
    await expect(late).rejects.toMatchObject({ status: 412, code: 'ObjectChanged' });
    expect(fragments()).toHaveLength(6);
    expect((await get()).bytes.equals(BODY)).toBe(true);
  });

  it('another body takes the place of the first, whose fragments go', async () => {
    await swift.put('/c/o', BODY);
    await swift.put('/c/o', 'a second body');
    expect((await get()).bytes.toString()).toBe('a second body');
    await expect.poll(() => fragments()).toHaveLength(6);
    expect(fragments()[0]?.bytes.length).toBe(8);
  });

  it('with the object its fragments go', async () => {
    await swift.put('/c/o', BODY);
    expect((await swift.request('DELETE', '/c/o')).status).toBe(204);
    await expect.poll(() => fragments()).toEqual([]);
    expect((await get()).status).toBe(404);
    expect((await swift.request('DELETE', '/c/o')).status).toBe(404);
  });

  it('a replica that has missed a write leads to what is there now', async () => {
    await swift.put('/c/o', BODY);
    const key = JSON.stringify([3, 'AUTH_p1', 'c', 'o']);
    const stale = new Map([...swift.objects].map(([device, store]) => [device, store.objects.get(key)]));
    await swift.put('/c/o', 'a second body');
    await expect.poll(() => fragments()).toHaveLength(6);
    // The replica that is read first.
    const before = stale.get(primary(0));
    if (before) storeOf(0).objects.set(key, before);
    expect((await get()).bytes.toString()).toBe('a second body');
  });

  it('a POST changes metadata alone', async () => {
    await swift.put('/c/o', BODY);
    expect((await swift.request('POST', '/c/o', { headers: { 'x-object-meta-b': '2' } })).status).toBe(202);
    const { bytes, headers } = await get();
    expect([bytes.equals(BODY), headers.get('x-object-meta-b'), headers.get('etag')]).toEqual([true, '2', md5(BODY)]);
    const rows = (await (await swift.request('GET', '/c?format=json')).json()) as { bytes: number }[];
    expect(rows[0]?.bytes).toBe(BODY.length);
  });

  it('copies go between policies, and large objects are put together from coded segments', async () => {
    await swift.put('/plain', '', { 'x-storage-policy': 'whole' });
    await swift.put('/c/o', BODY, { 'x-object-meta-a': '1' });
    await swift.request('COPY', '/c/o', { headers: { destination: 'plain/p' } });
    expect(Buffer.from(await (await swift.request('GET', '/plain/p')).arrayBuffer()).equals(BODY)).toBe(true);
    await swift.request('COPY', '/plain/p', { headers: { destination: 'c/q', range: 'bytes=10-19' } });
    expect(Buffer.from(await (await swift.request('GET', '/c/q')).arrayBuffer()).equals(BODY.subarray(10, 20))).toBe(
      true,
    );
    const manifest = JSON.stringify([{ path: '/c/o' }, { path: '/plain/p' }]);
    expect((await swift.put('/c/slo?multipart-manifest=put', manifest)).status).toBe(201);
    const slo = await swift.request('GET', '/c/slo', {
      headers: { range: `bytes=${BODY.length - 3}-${BODY.length + 2}` },
    });
    expect(Buffer.from(await slo.arrayBuffer())).toEqual(Buffer.concat([BODY.subarray(-3), BODY.subarray(0, 3)]));
    const rows = (await (await swift.request('GET', '/c?format=json')).json()) as { name: string; bytes: number }[];
    expect(rows.find(({ name }) => name === 'slo')?.bytes).toBe(2 * BODY.length);
  });

  it('is below encryption: fragments are ciphertext', async () => {
    await swift.stop();
    swift = await start(rootSecrets(['one']));
    await swift.put('/c', '', { 'x-storage-policy': 'coded' });
    const text = Buffer.alloc(10_000, 'a secret that lies in fragments ');
    await swift.put('/c/o', text);
    expect(fragments().some(({ bytes }) => bytes.includes('secret'))).toBe(false);
    storeOf(0).faults.unavailable = 'DeviceUnavailable';
    const { bytes, headers } = await get('bytes=5000-5999');
    expect([bytes.equals(text.subarray(5000, 6000)), headers.get('etag')]).toEqual([true, md5(text)]);
  });

  it('a proxy without the library says 503, and serves all else', async () => {
    await swift.put('/c/o', BODY);
    const other = await FakeSwift.start({
      devices: DEVICES,
      config: { policies: POLICIES },
      deps: {
        rings: {
          account: fakeRing(DEVICES, 3),
          container: fakeRing(DEVICES, 3),
          object: (index) => (index === 3 ? CODED_RING : fakeRing(DEVICES, 3)),
        },
        objectStoreAt: ({ device }) => swift.objects.get(device) as never,
        listingStoreAt: ({ device }) => swift.listings.get(device) as never,
      },
    });
    try {
      expect((await other.request('GET', '/c/o')).status).toBe(503);
      expect((await other.put('/c/p', 'x')).status).toBe(503);
      expect((await other.request('GET', '/c')).status).toBe(200);
    } finally {
      await other.stop();
    }
  });
});
