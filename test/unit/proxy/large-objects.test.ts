import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const PARTS = ['first part, ', 'second part, ', 'third'];
const WHOLE = PARTS.join('');

describe('large objects', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    await swift.put('/s');
    for (const [index, part] of PARTS.entries()) await swift.put(`/s/part/${index}`, part);
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const putManifest = (path: string, manifest: unknown, headers: Record<string, string> = {}) =>
    swift.put(`${path}?multipart-manifest=put`, JSON.stringify(manifest), headers);
  const segments = () =>
    PARTS.map((part, index) => ({ path: `/s/part/${index}`, etag: md5(part), size_bytes: part.length }));
  const SLO_ETAG = `"${md5(PARTS.map(md5).join(''))}"`;

  describe('dynamic', () => {
    beforeEach(() => swift.put('/c/dlo', '', { 'x-object-manifest': 's/part/', 'content-type': 'text/plain' }));

    it('GET and HEAD show the segments as one object', async () => {
      const got = await swift.request('GET', '/c/dlo');
      expect(await got.text()).toBe(WHOLE);
      expect(got.headers.get('content-length')).toBe(String(WHOLE.length));
      expect(got.headers.get('etag')).toBe(SLO_ETAG);
      expect(got.headers.get('x-object-manifest')).toBe('s/part/');
      const head = await swift.request('HEAD', '/c/dlo');
      expect(head.headers.get('content-length')).toBe(String(WHOLE.length));
    });

    it('ranges reach over segments', async () => {
      for (const [from, to] of [
        [0, 5],
        [8, 20],
        [24, 30],
      ] as const) {
        expect(await swift.text('/c/dlo', { range: `bytes=${from}-${to - 1}` })).toBe(WHOLE.slice(from, to));
      }
      expect(await swift.text('/c/dlo', { range: 'bytes=0-2,-3' })).toMatch(/fir\r\n[\s\S]*ird\r\n/);
    });

    it('multipart-manifest=get shows the object itself', async () => {
      const got = await swift.request('GET', '/c/dlo?multipart-manifest=get');
      expect([await got.text(), got.headers.get('etag')]).toEqual(['', md5('')]);
    });

    it('a POST without the header ends it', async () => {
      await swift.request('POST', '/c/dlo');
      expect(await swift.text('/c/dlo')).toBe('');
    });

    it('a manifest that is none is refused', async () => {
      for (const value of ['s', '/x', 's/', 's//x', 's/x?y'])
        expect((await swift.put('/c/bad', '', { 'x-object-manifest': value })).status, value).toBe(400);
    });

    it('COPY makes one plain object of it, or copies the manifest', async () => {
      await swift.request('COPY', '/c/dlo', { headers: { destination: 'c/plain' } });
      expect(await swift.text('/c/plain?multipart-manifest=get')).toBe(WHOLE);
      await swift.request('COPY', '/c/dlo?multipart-manifest=get', { headers: { destination: 'c/again' } });
      expect(await swift.text('/c/again?multipart-manifest=get')).toBe('');
      expect(await swift.text('/c/again')).toBe(WHOLE);
    });

    it('shows strangers no segments of a container that they may not read', async () => {
      await swift.request('POST', '/c', { headers: { 'x-container-read': '.r:*' } });
      expect((await swift.request('GET', '/c/dlo', { token: '' })).status).toBe(401);
      expect((await swift.request('GET', '/c/dlo', { token: 'stranger' })).status).toBe(403);
    });
  });

  describe('static', () => {
    it('PUT answers the ETag of the whole, and GET and HEAD show it as one object', async () => {
      const put = await putManifest('/c/slo', segments(), { 'content-type': 'text/plain' });
      expect([put.status, put.headers.get('etag')]).toEqual([201, SLO_ETAG]);
      const got = await swift.request('GET', '/c/slo');
      expect(await got.text()).toBe(WHOLE);
      expect(got.headers.get('etag')).toBe(SLO_ETAG);
      expect(got.headers.get('x-static-large-object')).toBe('True');
      expect(got.headers.get('content-type')).toBe('text/plain');
      const head = await swift.request('HEAD', '/c/slo');
      expect([head.headers.get('content-length'), head.headers.get('etag')]).toEqual([String(WHOLE.length), SLO_ETAG]);
      expect(head.headers.get('x-manifest-etag')).toBe(got.headers.get('x-manifest-etag'));
    });

    it('a listing shows the length and the ETag of the whole', async () => {
      await putManifest('/c/slo', segments());
      const [row] = JSON.parse(await swift.text('/c?format=json'));
      expect(row).toMatchObject({ name: 'slo', bytes: WHOLE.length, slo_etag: SLO_ETAG });
      expect(row.hash).toMatch(/^[0-9a-f]{32}$/);
    });

    it('ranges, conditions and parts of segments', async () => {
      await putManifest('/c/slo', [
        { path: '/s/part/0', range: '0-4' },
        { data: Buffer.from(' inline ').toString('base64') },
        { path: 's/part/1', range: '-6' },
      ]);
      const whole = 'first inline part, ';
      expect(await swift.text('/c/slo')).toBe(whole);
      expect(await swift.text('/c/slo', { range: 'bytes=3-14' })).toBe(whole.slice(3, 15));
      const etag = (await swift.request('HEAD', '/c/slo')).headers.get('etag') ?? '';
      expect((await swift.request('GET', '/c/slo', { headers: { 'if-none-match': etag } })).status).toBe(304);
    });

    it('multipart-manifest=get shows what is stored, and raw what was sent', async () => {
      await putManifest('/c/slo', segments());
      const stored = await swift.request('GET', '/c/slo?multipart-manifest=get');
      expect(stored.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(await stored.json()).toEqual(
        PARTS.map((part, index) => ({
          name: `/s/part/${index}`,
          bytes: part.length,
          hash: md5(part),
          content_type: expect.any(String),
          last_modified: '2026-11-21T00:00:01.000000',
        })),
      );
      expect(JSON.parse(await swift.text('/c/slo?multipart-manifest=get&format=raw'))).toEqual(segments());
    });

    it('one large object can be a segment of another', async () => {
      await putManifest('/c/inner', segments());
      expect((await putManifest('/c/outer', [{ path: '/c/inner' }, { path: '/s/part/0' }])).status).toBe(201);
      expect(await swift.text('/c/outer')).toBe(WHOLE + PARTS[0]);
      expect(await swift.text('/c/outer', { range: 'bytes=20-33' })).toBe((WHOLE + PARTS[0]).slice(20, 34));
    });

    it('refuses segments that are not what the manifest says, and says which', async () => {
      const wrong = [
        { path: '/s/absent' },
        { path: '/s/part/0', etag: 'wrong', size_bytes: 1 },
        { path: '/s/part/1', range: '500-' },
      ];
      const put = await putManifest('/c/slo', wrong, { accept: 'application/json' });
      expect(put.status).toBe(400);
      expect(await put.json()).toEqual({
        Errors: [
          ['/s/absent', '404 Not Found'],
          ['/s/part/0', 'Size Mismatch'],
          ['/s/part/0', 'Etag Mismatch'],
          ['/s/part/1', 'Unsatisfiable Range'],
        ],
      });
      expect((await swift.request('HEAD', '/c/slo')).status).toBe(404);
    });

    it('refuses manifests that are none', async () => {
      for (const [body, message] of [
        ['nonsense', 'Manifest must be valid JSON.\n'],
        ['{}', 'Manifest must be a list.\n'],
        ['[1]', 'Index 0: not a JSON object\n'],
        [
          '[{"path":"/only"}]',
          'Index 0: path does not refer to an object. Path must be of the form /container/object.\n',
        ],
        ['[{"path":"/c/slo"}]', 'Index 0: manifest must not include itself as a segment\n'],
        ['[{"path":"/s/x","bad":1}]', 'Index 0: extraneous keys "bad"\n'],
        ['[{"path":"/s/x","size_bytes":"many"}]', 'Index 0: invalid size_bytes\n'],
        ['[{"path":"/s/x","range":"1-2,3-4"}]', 'Index 0: multiple ranges (only one allowed)\n'],
        [
          '[{"data":"%%"}]',
          'Index 0: data must be valid base64\nInline data segments require at least one object-backed segment.\n',
        ],
        ['[{"data":"aGk="}]', 'Inline data segments require at least one object-backed segment.\n'],
      ] as const) {
        const put = await swift.put('/c/slo?multipart-manifest=put', body);
        expect([put.status, await put.text()]).toEqual([400, message]);
      }
      expect((await putManifest('/c/slo', segments(), { etag: md5('other') })).status).toBe(422);
      expect((await swift.put('/c/slo', 'x', { 'x-static-large-object': 'true' })).status).toBe(400);
      const many = Array.from({ length: 1001 }, () => ({ path: '/s/part/0' }));
      expect((await putManifest('/c/slo', many)).status).toBe(413);
    });

    it('a first segment that has changed answers 409, a later one cuts the answer off', async () => {
      await putManifest('/c/slo', segments());
      await swift.put('/s/part/1', 'something else');
      await expect(swift.text('/c/slo')).rejects.toThrow();
      await swift.request('DELETE', '/s/part/0');
      expect((await swift.request('GET', '/c/slo')).status).toBe(409);
    });

    it('DELETE deletes the manifest, multipart-manifest=delete also what it names', async () => {
      await putManifest('/c/inner', segments());
      await putManifest('/c/outer', [{ path: '/c/inner' }]);
      await putManifest('/c/other', segments());
      expect((await swift.request('DELETE', '/c/other')).status).toBe(204);
      expect(await swift.text('/c/inner')).toBe(WHOLE);
      const response = await swift.request('DELETE', '/c/outer?multipart-manifest=delete', {
        headers: { accept: 'application/json' },
      });
      expect(await response.json()).toMatchObject({ 'Number Deleted': 5, 'Response Status': '200 OK', Errors: [] });
      expect([await swift.text('/c'), await swift.text('/s')]).toEqual(['', '']);
    });

    it('a POST keeps it large', async () => {
      await putManifest('/c/slo', segments());
      await swift.request('POST', '/c/slo', { headers: { 'x-object-meta-a': '1' } });
      const got = await swift.request('GET', '/c/slo');
      expect([await got.text(), got.headers.get('x-object-meta-a')]).toEqual([WHOLE, '1']);
    });

    it('COPY makes one plain object of it, or copies the manifest', async () => {
      await putManifest('/c/slo', segments());
      await swift.request('COPY', '/c/slo', { headers: { destination: 'c/plain' } });
      const plain = await swift.request('GET', '/c/plain');
      expect([await plain.text(), plain.headers.get('etag')]).toEqual([WHOLE, md5(WHOLE)]);
      expect(plain.headers.get('x-static-large-object')).toBeNull();
      const rows = JSON.parse(await swift.text('/c?format=json')) as { name: string; hash: string }[];
      expect(rows.find(({ name }) => name === 'plain')?.hash).toBe(md5(WHOLE));
      const again = await swift.request('COPY', '/c/slo?multipart-manifest=get', {
        headers: { destination: 'c/again' },
      });
      expect(again.status).toBe(201);
      expect((await swift.request('HEAD', '/c/again')).headers.get('etag')).toBe(SLO_ETAG);
    });
  });

  describe('bulk delete', () => {
    it('deletes objects, then containers, and reports', async () => {
      const names = ['/s/part/0', 's/part/1', '/s/part%2F2', '/s', '/c/absent', '/nowhere', '%ff'];
      const response = await swift.request('POST', '?bulk-delete', {
        body: names.join('\n'),
        headers: { 'content-type': 'text/plain', accept: 'application/json' },
      });
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({
        'Number Deleted': 4,
        'Number Not Found': 2,
        'Response Body': '',
        'Response Status': '400 Bad Request',
        Errors: [['%ff', '412 Precondition Failed']],
      });
    });

    it('reports in text where nothing is asked for, and refuses an empty list', async () => {
      const response = await swift.request('POST', '?bulk-delete', {
        body: '\n',
        headers: { 'content-type': 'text/plain', accept: '' },
      });
      expect(await response.text()).toBe(
        'Number Deleted: 0\nNumber Not Found: 0\nResponse Body: Invalid bulk delete.\nResponse Status: 400 Bad Request\nErrors:\n',
      );
    });

    it('deletes nothing for a stranger', async () => {
      const response = await swift.request('POST', '?bulk-delete', {
        token: 'stranger',
        body: '/s/part/0',
        headers: { 'content-type': 'text/plain', accept: 'application/json' },
      });
      expect(await response.json()).toMatchObject({ 'Number Deleted': 0, Errors: [['/s/part/0', '403 Forbidden']] });
    });
  });
});
