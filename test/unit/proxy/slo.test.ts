import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Expirer } from '../../../proxy/daemons/expirer.ts';
import { ALL_OURS } from '../../support/swift-fakes/duties.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const md5 = (data: string | Uint8Array) => createHash('md5').update(data).digest('hex');

describe('static large objects', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    for (const container of ['/c', '/s', '/t']) await swift.put(container);
    await swift.put('/s/1', 'first ');
    await swift.put('/s/2', 'second');
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const putManifest = (path: string, manifest: unknown, query = '', headers: Record<string, string> = {}) =>
    swift.put(`${path}?multipart-manifest=put${query}`, JSON.stringify(manifest), headers);
  const SEGMENTS = [{ path: '/s/1' }, { path: '/s/2' }];
  const ETAG = md5(md5('first ') + md5('second'));
  const listed = async (container: string) => (await swift.text(container)).trim();

  describe('inline data', () => {
    const inline = (text: string) => ({ data: Buffer.from(text).toString('base64') });
    const MIXED = [inline('before '), { path: '/s/1' }, inline('- '), { path: '/s/2', range: '0-2' }, inline(' after')];
    const WHOLE = 'before first - sec after';

    it('is read between the segments, in ranges too', async () => {
      const put = await putManifest('/c/o', MIXED);
      expect(put.status).toBe(201);
      expect(await swift.text('/c/o')).toBe(WHOLE);
      expect(await swift.text('/c/o', { range: 'bytes=5-14' })).toBe(WHOLE.slice(5, 15));
      const head = await swift.request('HEAD', '/c/o');
      expect(head.headers.get('content-length')).toBe(String(WHOLE.length));
      const etags = [md5('before '), md5('first '), md5('- '), `${md5('second')}:0-2;`, md5(' after')];
      expect(head.headers.get('etag')).toBe(`"${md5(etags.join(''))}"`);
    });

    it('is shown as it was sent', async () => {
      await putManifest('/c/o', MIXED);
      const manifest = (await (await swift.request('GET', '/c/o?multipart-manifest=get')).json()) as unknown[];
      expect(manifest[0]).toEqual(inline('before '));
      const raw = await swift.text('/c/o?multipart-manifest=get&format=raw');
      expect(JSON.parse(raw)).toEqual([
        inline('before '),
        { path: '/s/1', size_bytes: 6, etag: md5('first ') },
        inline('- '),
        { path: '/s/2', size_bytes: 6, etag: md5('second'), range: '0-2' },
        inline(' after'),
      ]);
      expect((await putManifest('/c/again', JSON.parse(raw))).status).toBe(201);
      expect(await swift.text('/c/again')).toBe(WHOLE);
    });

    it('is refused alone, with other keys, empty, or where it is no base64', async () => {
      for (const [manifest, problem] of [
        [[inline('x')], 'Inline data segments require at least one object-backed segment.'],
        [[{ ...inline('x'), etag: 'x' }, ...SEGMENTS], 'Index 0: extraneous keys "etag"\n'],
        [[{ data: '' }, ...SEGMENTS], 'Index 0: too small; each segment must be at least 1 byte.\n'],
        [[{ data: 'x*' }, ...SEGMENTS], 'Index 0: data must be valid base64\n'],
      ] as const) {
        const put = await putManifest('/c/o', manifest);
        expect([put.status, (await put.text()).trim()]).toEqual([400, problem.trim()]);
      }
    });

    it('is nothing to delete', async () => {
      await putManifest('/c/o', MIXED);
      const gone = await swift.request('DELETE', '/c/o?multipart-manifest=delete');
      expect(await gone.text()).toContain('Number Deleted: 3');
    });
  });

  describe('PUT with heartbeat=on', () => {
    const report = async (response: Response) => {
      const text = await response.text();
      expect(text.startsWith(' \r\n\r\n') || /^ +\r\n\r\n/.test(text)).toBe(true);
      return text.trim();
    };

    it('answers 202 and says in its body what it stored', async () => {
      const put = await putManifest('/c/o', SEGMENTS, '&heartbeat=on', { accept: 'application/json' });
      expect([put.status, put.headers.get('content-type')]).toEqual([202, 'application/json']);
      expect(JSON.parse(await report(put))).toEqual({
        'Response Status': '201 Created',
        Etag: `"${ETAG}"`,
        'Last Modified': expect.stringMatching(/GMT$/),
        'Response Body': '',
        Errors: [],
      });
      expect(await swift.text('/c/o')).toBe('first second');
    });

    it('says what is wrong with segments', async () => {
      const put = await putManifest('/c/o', [{ path: '/s/1' }, { path: '/s/none' }], '&heartbeat=on');
      expect(put.status).toBe(202);
      expect(await report(put)).toBe(
        [
          'Response Body: Bad Request',
          'The server could not comply with the request since it is either malformed or otherwise incorrect.',
          'Response Status: 400 Bad Request',
          'Errors:',
          '/s/none, 404 Not Found',
        ].join('\n'),
      );
    });

    it('says that the ETag is another, or that there is no container', async () => {
      const wrong = await putManifest('/c/o', SEGMENTS, '&heartbeat=on', {
        etag: md5('x'),
        accept: 'application/json',
      });
      expect(JSON.parse(await report(wrong))).toMatchObject({
        'Response Status': '422 Unprocessable Entity',
        'Response Body': 'Unprocessable Entity\nUnable to process the contained instructions',
      });
      const none = await putManifest('/none/o', SEGMENTS, '&heartbeat=on', { accept: 'application/json' });
      expect(JSON.parse(await report(none))).toMatchObject({ 'Response Status': '404 Not Found', Errors: [] });
    });

    it('a manifest that cannot be read is refused before that', async () => {
      expect((await putManifest('/c/o', {}, '&heartbeat=on')).status).toBe(400);
    });
  });

  describe('DELETE with async', () => {
    const remove = (path: string) => swift.request('DELETE', `${path}?multipart-manifest=delete&async=yes`);
    const expire = () => {
      const { cluster, containers } = swift.services;
      const logger = pino({ level: 'silent' });
      return new Expirer({ cluster, containers, duty: ALL_OURS, logger, intervalMs: 1e6 }).round();
    };

    it('removes the manifest at once and the segments later', async () => {
      await putManifest('/c/o', SEGMENTS);
      expect((await remove('/c/o')).status).toBe(204);
      expect((await swift.request('GET', '/c/o')).status).toBe(404);
      expect(await listed('/s')).toBe('1\n2');
      swift.nowMs += 1000;
      expect(await expire()).toEqual({ removed: 2, outdated: 0, failed: 0 });
      expect(await listed('/s')).toBe('');
    });

    it('segments that have been written again stay', async () => {
      await putManifest('/c/o', SEGMENTS);
      await remove('/c/o');
      await swift.put('/s/1', 'another');
      expect(await expire()).toEqual({ removed: 1, outdated: 1, failed: 0 });
      expect(await swift.text('/s/1')).toBe('another');
    });

    it('is refused for segments in several containers, nested manifests and what is no manifest', async () => {
      await swift.put('/t/3', 'third');
      await putManifest('/c/several', [...SEGMENTS, { path: '/t/3' }]);
      const several = await remove('/c/several');
      expect([several.status, await several.text()]).toEqual([
        400,
        'All segments must be in one container. Found segments in "s", "t"',
      ]);
      await putManifest('/s/nested', SEGMENTS);
      await putManifest('/c/outer', [{ path: '/s/nested' }]);
      const nested = await remove('/c/outer');
      expect([nested.status, await nested.text()]).toEqual([400, 'No segments may be large objects.']);
      const plain = await remove('/s/1');
      expect([plain.status, await plain.text()]).toEqual([400, 'Not an SLO manifest']);
      expect((await remove('/c/none')).status).toBe(404);
      expect(await listed('/s')).toBe('1\n2\nnested');
    });

    it('needs write access to both containers', async () => {
      await putManifest('/c/o', SEGMENTS);
      for (const path of ['/c', '/s']) await swift.request('POST', path, { headers: { 'x-container-read': 'p2:u3' } });
      await swift.request('POST', '/c', { headers: { 'x-container-write': 'p2:u3' } });
      const asStranger = () =>
        swift.request('DELETE', '/c/o?multipart-manifest=delete&async=yes', { token: 'stranger' });
      expect((await asStranger()).status).toBe(403);
      await swift.request('POST', '/s', { headers: { 'x-container-write': 'p2:u3' } });
      expect((await asStranger()).status).toBe(204);
    });
  });

  it('a version of a large object is deleted with its segments', async () => {
    await swift.request('POST', '/c', { headers: { 'x-versions-enabled': 'true' } });
    const put = await putManifest('/c/o', SEGMENTS);
    const id = put.headers.get('x-object-version-id');
    await swift.put('/c/o', 'plain');
    const gone = await swift.request('DELETE', `/c/o?multipart-manifest=delete&version-id=${id}`);
    expect(await gone.text()).toContain('Number Deleted: 3');
    expect(await swift.text('/c/o')).toBe('plain');
    expect((await swift.request('GET', `/c/o?version-id=${id}`)).status).toBe(404);
    expect(await listed('/s')).toBe('');
  });
});
