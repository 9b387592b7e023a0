import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

describe('objects', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  it('PUT answers 201 with the unquoted ETag and the time rounded up, and GET gives the bytes back', async () => {
    const put = await swift.put('/c/o', 'hello world', {
      'content-type': 'text/x-hello',
      'x-object-meta-color': Buffer.from('blå').toString('latin1'),
    });
    expect(put.status).toBe(201);
    expect(put.headers.get('etag')).toBe(md5('hello world'));
    expect(put.headers.get('last-modified')).toBe('Sat, 21 Nov 2026 00:00:01 GMT');
    expect(await put.text()).toBe('');
    const got = await swift.request('GET', '/c/o');
    expect(await got.text()).toBe('hello world');
    expect(got.status).toBe(200);
    expect(got.headers.get('content-type')).toBe('text/x-hello');
    expect(got.headers.get('content-length')).toBe('11');
    expect(got.headers.get('etag')).toBe(md5('hello world'));
    expect(got.headers.get('accept-ranges')).toBe('bytes');
    expect(got.headers.get('x-timestamp')).toMatch(/^\d{10}\.\d{5}$/);
    expect(Buffer.from(got.headers.get('x-object-meta-color') ?? '', 'latin1').toString()).toBe('blå');
    expect(got.headers.get('x-trans-id')).toMatch(/^tx[0-9a-f]{21}-[0-9a-f]{10}$/);
    expect(got.headers.get('x-openstack-request-id')).toBe(got.headers.get('x-trans-id'));
  });

  it('writes three replicas', async () => {
    await swift.put('/c/o', 'x');
    expect([...swift.objects.values()].filter((store) => store.objects.size === 1)).toHaveLength(3);
  });

  it('HEAD answers the length and no body', async () => {
    await swift.put('/c/o', 'hello');
    const head = await swift.request('HEAD', '/c/o');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '5', '']);
  });

  it('keeps names of all kinds', async () => {
    for (const name of ['a b', 'å∫ç', 'slash//es/', '100%', '?q', 'a+b', '...']) {
      const path = `/c/${encodeURIComponent(name)}`;
      expect((await swift.put(path, name)).status, name).toBe(201);
      expect(await swift.text(path), name).toBe(name);
    }
    expect((await swift.text('/c')).split('\n')).toContain('å∫ç');
  });

  it('guesses a content type where none is sent', async () => {
    await swift.request('PUT', '/c/page.html', { body: new Uint8Array([1]) });
    await swift.put('/c/picture.png', 'x', { 'content-type': 'text/plain', 'x-detect-content-type': 'true' });
    expect((await swift.request('HEAD', '/c/page.html')).headers.get('content-type')).toBe('text/html');
    expect((await swift.request('HEAD', '/c/picture.png')).headers.get('content-type')).toBe('image/png');
  });

  it('PUT with a wrong ETag answers 422 and leaves no object', async () => {
    const put = await swift.put('/c/o', 'hello', { etag: md5('other') });
    expect(put.status).toBe(422);
    expect(await put.text()).toBe(
      '<html><h1>Unprocessable Entity</h1><p>Unable to process the contained instructions</p></html>',
    );
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
    expect(await swift.text('/c')).toBe('');
  });

  it('takes a right ETag, quoted or not', async () => {
    expect((await swift.put('/c/o', 'hello', { etag: `"${md5('hello')}"` })).status).toBe(201);
    expect((await swift.put('/c/o', 'hello', { etag: md5('hello').toUpperCase() })).status).toBe(201);
  });

  it('PUT into no container answers 404', async () => {
    expect((await swift.put('/nowhere/o', 'x')).status).toBe(404);
  });

  it('If-None-Match: * refuses what is there with 412, and any other ETag with 400', async () => {
    expect((await swift.put('/c/o', 'one', { 'if-none-match': '*' })).status).toBe(201);
    expect((await swift.put('/c/o', 'two', { 'if-none-match': '*' })).status).toBe(412);
    const refused = await swift.put('/c/o', 'two', { 'if-none-match': 'abc' });
    expect([refused.status, await refused.text()]).toEqual([400, 'If-None-Match only supports *']);
    expect(await swift.text('/c/o')).toBe('one');
  });

  it('takes a chunked body of unknown length', async () => {
    const body = new ReadableStream({
      start(controller) {
        for (let index = 0; index < 100; index += 1) controller.enqueue(Buffer.alloc(5000, index));
        controller.close();
      },
    });
    expect((await swift.request('PUT', '/c/o', { body, duplex: 'half' })).status).toBe(201);
    for (const store of swift.objects.values()) store.chunkBytes = 9000;
    const got = Buffer.from(await (await swift.request('GET', '/c/o')).arrayBuffer());
    expect(got.length).toBe(500_000);
    expect([...new Set(got)].length).toBe(100);
  });

  it('a body beyond the largest size answers 413, told or not, and leaves nothing', async () => {
    const small = await FakeSwift.start({ config: { max_file_size: 10 } });
    await small.put('/c');
    const told = await small.put('/c/o', 'more than ten');
    expect([told.status, await told.text()]).toEqual([413, 'Your request is too large.']);
    const body = new Blob(['more than ten']).stream();
    expect((await small.request('PUT', '/c/o', { body, duplex: 'half' })).status).toBe(413);
    expect((await small.request('HEAD', '/c/o')).status).toBe(404);
    await small.stop();
    for (const store of small.objects.values()) expect(store.openUploads).toBe(0);
  });

  it('POST replaces all metadata and keeps the rest', async () => {
    await swift.put('/c/o', 'hello', {
      'x-object-meta-a': '1',
      'content-disposition': 'inline',
      'content-type': 'text/plain',
      'x-delete-after': '100',
    });
    const post = await swift.request('POST', '/c/o', { headers: { 'x-object-meta-b': '2' } });
    expect(post.status).toBe(202);
    expect(await post.text()).toContain('<h1>Accepted</h1>');
    const head = await swift.request('HEAD', '/c/o');
    expect(head.headers.get('x-object-meta-a')).toBeNull();
    expect(head.headers.get('x-object-meta-b')).toBe('2');
    expect(head.headers.get('content-disposition')).toBeNull();
    expect(head.headers.get('x-delete-at')).toBeNull();
    expect(head.headers.get('content-type')).toBe('text/plain');
    expect(head.headers.get('etag')).toBe(md5('hello'));
  });

  it('POST changes the content type where one is sent, also in the listing', async () => {
    await swift.put('/c/o', 'hello', { 'content-type': 'text/plain' });
    await swift.request('POST', '/c/o', { headers: { 'content-type': 'text/other' } });
    expect((await swift.request('HEAD', '/c/o')).headers.get('content-type')).toBe('text/other');
    expect(JSON.parse(await swift.text('/c?format=json'))[0].content_type).toBe('text/other');
    expect((await swift.request('POST', '/c/absent')).status).toBe(404);
  });

  it('DELETE answers 204, then 404, and the listing knows', async () => {
    await swift.put('/c/o', 'hello');
    expect((await swift.request('DELETE', '/c/o')).status).toBe(204);
    expect((await swift.request('DELETE', '/c/o')).status).toBe(404);
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
    expect(await swift.text('/c')).toBe('');
  });

  it('an object past its X-Delete-At is gone, and a POST does not bring it back', async () => {
    const deleteAt = String(Math.floor(swift.nowMs / 1000) + 60);
    await swift.put('/c/o', 'hello', { 'x-delete-at': deleteAt });
    expect((await swift.request('HEAD', '/c/o')).headers.get('x-delete-at')).toBe(deleteAt);
    swift.nowMs += 61_000;
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
    expect((await swift.request('POST', '/c/o')).status).toBe(404);
  });

  it('refuses a time of deletion that is past or no number', async () => {
    for (const [header, value, message] of [
      ['x-delete-at', '1', 'X-Delete-At in past'],
      ['x-delete-at', 'soon', 'Non-integer X-Delete-At'],
      ['x-delete-after', '-5', 'X-Delete-After in past'],
      ['x-delete-after', '1.5', 'Non-integer X-Delete-After'],
    ] as const) {
      const put = await swift.put('/c/o', 'x', { [header]: value });
      expect([put.status, await put.text()]).toEqual([400, message]);
    }
  });

  it('refuses names and metadata beyond the limits', async () => {
    const long = await swift.put(`/c/${'o'.repeat(1025)}`, 'x');
    expect([long.status, await long.text()]).toEqual([400, 'Object name length of 1025 longer than 1024']);
    expect((await swift.put(`/c/${'o'.repeat(1024)}`, 'x')).status).toBe(201);
    expect((await swift.put('/c/o', 'x', { 'x-object-meta-a': 'v'.repeat(257) })).status).toBe(400);
    expect((await swift.put('/c/o', 'x', { [`x-object-meta-${'n'.repeat(129)}`]: 'v' })).status).toBe(400);
    const many = Object.fromEntries(Array.from({ length: 91 }, (_, index) => [`x-object-meta-${index}`, 'v']));
    expect((await swift.put('/c/o', 'x', many)).status).toBe(400);
  });

  it('strips internal headers, both ways', async () => {
    await swift.put('/c/o', 'x', {
      'x-object-sysmeta-secret': '1',
      'x-object-transient-sysmeta-crypto': '1',
      'x-backend-storage-policy-index': '7',
      'x-timestamp': '0000000001.00000',
    });
    const head = await swift.request('HEAD', '/c/o');
    expect(Number(head.headers.get('x-timestamp'))).toBeGreaterThan(1_700_000_000);
    for (const store of swift.objects.values())
      for (const { data } of store.objects.values())
        expect([data?.fixedMetadata, data?.version.metadata]).toEqual([{}, {}]);
  });

  it('X-Newest answers the newest replica', async () => {
    await swift.put('/c/o', 'old');
    const [first, second] = [...swift.objects.values()].filter((store) => store.objects.size > 0);
    if (first) first.faults.unavailable = 'DeviceUnavailable';
    await swift.put('/c/o', 'new');
    if (first) first.faults.unavailable = undefined;
    expect(second).toBeDefined();
    for (let round = 0; round < 4; round += 1) expect(await swift.text('/c/o', { 'x-newest': 'true' })).toBe('new');
  });
});
