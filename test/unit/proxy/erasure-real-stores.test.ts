import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codecs } from '../../support/swift-fakes/plain-codec.ts';
import { policiesOf } from '../../support/swift-fakes/policy-config.ts';
import { makeRing, SwiftInProcess } from '../../support/swift-in-process.ts';

const CODED = { type: 'erasure_coding' as const, data_fragments: 2, parity_fragments: 2 };
const RINGS = [makeRing('object', 6200), makeRing('object-1', 6200, 4)];
const BODY = Buffer.from(Array.from({ length: 2_500_001 }, (_, index) => (index * 31 + (index >> 10)) % 256));

describe.each(await codecs())('erasure coding over real stores, by the codec %s', (_, codec) => {
  let swift: SwiftInProcess;

  beforeAll(async () => {
    swift = await SwiftInProcess.start({
      config: { policies: policiesOf({ index: 0, name: 'whole' }, { index: 1, name: 'coded', ...CODED }) },
      deps: {
        erasure: codec,
        rings: {
          account: makeRing('account', 6202),
          container: makeRing('container', 6201),
          object: (index) => RINGS[index] ?? makeRing('none', 6200),
        },
      },
    });
  });

  afterAll(() => swift.stop());

  const request = (method: string, path: string, init: RequestInit = {}) =>
    fetch(swift.storageUrl + path, { method, ...init, headers: { 'x-auth-token': 'member', ...init.headers } });

  it('stores, lists, reads, changes and deletes', async () => {
    expect((await request('PUT', '/c', { headers: { 'x-storage-policy': 'coded' } })).status).toBe(201);
    const put = await request('PUT', '/c/o', { body: BODY, headers: { 'x-object-meta-a': '1' } });
    const etag = createHash('md5').update(BODY).digest('hex');
    expect([put.status, put.headers.get('etag')]).toEqual([201, etag]);
    const got = await request('GET', '/c/o');
    expect(Buffer.from(await got.arrayBuffer()).equals(BODY)).toBe(true);
    const range = await request('GET', '/c/o', { headers: { range: 'bytes=1048000-2100000' } });
    expect(Buffer.from(await range.arrayBuffer()).equals(BODY.subarray(1_048_000, 2_100_001))).toBe(true);
    expect((await request('POST', '/c/o', { headers: { 'x-object-meta-b': '2' } })).status).toBe(202);
    const head = await request('HEAD', '/c/o');
    expect([head.headers.get('x-object-meta-b'), head.headers.get('content-length')]).toEqual([
      '2',
      String(BODY.length),
    ]);
    const rows = (await (await request('GET', '/c?format=json')).json()) as { hash: string; bytes: number }[];
    expect(rows.map(({ hash, bytes }) => [hash, bytes])).toEqual([[etag, BODY.length]]);
    expect((await request('DELETE', '/c/o')).status).toBe(204);
    expect((await request('GET', '/c/o')).status).toBe(404);
    expect((await request('DELETE', '/c')).status).toBe(204);
  });
});
