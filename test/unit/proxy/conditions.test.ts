import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const TEXT = 'abcdefghijklmnopqrstuvwxyz';
const ETAG = createHash('md5').update(TEXT).digest('hex');

describe('conditions and ranges', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    await swift.put('/c/o', TEXT, { 'content-type': 'text/plain' });
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect(store.openReadings).toBe(0);
  });

  const get = (headers: Record<string, string>, path = '/c/o') => swift.request('GET', path, { headers });

  it('If-Match and If-None-Match compare ETags, quoted or not', async () => {
    expect((await get({ 'if-match': ETAG })).status).toBe(200);
    expect((await get({ 'if-match': `"x", "${ETAG}"` })).status).toBe(200);
    expect((await get({ 'if-match': '*' })).status).toBe(200);
    expect((await get({ 'if-match': 'x' })).status).toBe(412);
    expect((await get({ 'if-none-match': 'x' })).status).toBe(200);
    const unchanged = await get({ 'if-none-match': `"${ETAG}"` });
    expect([unchanged.status, unchanged.headers.get('etag'), await unchanged.text()]).toEqual([304, ETAG, '']);
    expect((await get({ 'if-match': '*' }, '/c/absent')).status).toBe(412);
    expect((await get({ 'if-none-match': '*' }, '/c/absent')).status).toBe(404);
  });

  it('If-Match of a PUT is not looked at, as in Swift', async () => {
    expect((await swift.put('/c/o', 'new', { 'if-match': '"other"' })).status).toBe(201);
    expect((await swift.put('/c/new', 'new', { 'if-match': ETAG })).status).toBe(201);
  });

  it('If-Modified-Since and If-Unmodified-Since compare the time that was rounded up', async () => {
    const at = 'Sat, 21 Nov 2026 00:00:01 GMT';
    const before = 'Sat, 21 Nov 2026 00:00:00 GMT';
    expect((await get({ 'if-modified-since': at })).status).toBe(304);
    expect((await get({ 'if-modified-since': before })).status).toBe(200);
    expect((await get({ 'if-unmodified-since': at })).status).toBe(200);
    expect((await get({ 'if-unmodified-since': before })).status).toBe(412);
    expect((await get({ 'if-modified-since': 'yesterday' })).status).toBe(200);
  });

  it('one range is 206', async () => {
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 1],
      ['bytes=5-', 5, 26],
      ['bytes=-3', 23, 26],
      ['bytes=20-99', 20, 26],
      ['bytes=-99', 0, 26],
    ] as const) {
      const response = await get({ range });
      expect(response.status, range).toBe(206);
      expect(response.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/26`);
      expect(response.headers.get('content-length')).toBe(String(to - from));
      expect(await response.text()).toBe(TEXT.slice(from, to));
    }
  });

  it('a range that is not there is 416, one that is none is ignored', async () => {
    const response = await get({ range: 'bytes=26-' });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */26']);
    expect(await response.text()).toContain('<h1>Requested Range Not Satisfiable</h1>');
    for (const range of ['bytes=5-3', 'bytes=a-b', 'lines=0-1', 'bytes=-', 'bytes=5'])
      expect((await get({ range })).status, range).toBe(200);
  });

  it('several ranges come as multipart/byteranges of the length that was told', async () => {
    const response = await get({ range: 'bytes=0-1,20-22' });
    expect(response.status).toBe(206);
    const boundary = /^multipart\/byteranges;boundary=(.+)$/.exec(response.headers.get('content-type') ?? '')?.[1];
    const body = await response.text();
    expect(body).toBe(
      `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/26\r\n\r\nab\r\n` +
        `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 20-22/26\r\n\r\nuvw\r\n--${boundary}--`,
    );
    expect(response.headers.get('content-length')).toBe(String(body.length));
  });

  it('an indecent number of ranges is 416', async () => {
    const many = Array.from({ length: 51 }, (_, index) => `${index % 26}-${index % 26}`).join(',');
    expect((await get({ range: `bytes=${many}` })).status).toBe(416);
    expect((await get({ range: 'bytes=0-5,1-6,2-7' })).status).toBe(416);
  });

  it('a suffix of an empty object is all of it', async () => {
    await swift.put('/c/empty');
    expect((await get({ range: 'bytes=-5' }, '/c/empty')).status).toBe(200);
    expect((await get({ range: 'bytes=0-' }, '/c/empty')).status).toBe(416);
  });

  it('HEAD knows conditions and no ranges', async () => {
    const head = await swift.request('HEAD', '/c/o', { headers: { range: 'bytes=0-1' } });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '26']);
    expect((await swift.request('HEAD', '/c/o', { headers: { 'if-none-match': ETAG } })).status).toBe(304);
  });

  it('If-Range of another version gives the whole of this one', async () => {
    expect((await get({ range: 'bytes=0-1', 'if-range': ETAG })).status).toBe(206);
    expect((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
  });
});
