import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gatekeeper } from '../../../proxy/features/gatekeeper.ts';
import type { ProxyRequest } from '../../../proxy/message.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const MARKER = 'application/x-deleted;swift_versions_deleted=1';

type Row = Record<string, unknown>;

describe('versions of objects', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const post = (path: string, headers: Record<string, string>) => swift.request('POST', path, { headers });
  const enable = () => post('/c', { 'x-versions-enabled': 'true' });
  const suspend = () => post('/c', { 'x-versions-enabled': 'false' });
  const rows = async (query: string) => (await (await swift.request('GET', `/c?${query}`)).json()) as Row[];
  const versions = (query = '') => rows(`versions${query}`);
  const brief = (list: readonly Row[]) =>
    list.map(({ name, subdir, is_latest, content_type, bytes }) =>
      subdir ? `${subdir}` : `${name} ${content_type === MARKER ? 'marker' : bytes}${is_latest ? ' latest' : ''}`,
    );
  const putVersion = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const put = await swift.put(path, body, headers);
    expect(put.status).toBe(201);
    return put.headers.get('x-object-version-id') ?? '';
  };

  describe('the setting', () => {
    it('is told by HEAD and GET, and the hidden container is in no listing', async () => {
      expect((await enable()).status).toBe(204);
      expect((await swift.request('HEAD', '/c')).headers.get('x-versions-enabled')).toBe('True');
      await suspend();
      const got = await swift.request('GET', '/c');
      expect(got.headers.get('x-versions-enabled')).toBe('False');
      expect([...got.headers.keys()].filter((name) => name.includes('sysmeta'))).toEqual([]);
      expect(await swift.text('')).toBe('c\n');
      expect((await swift.request('HEAD', '')).headers.get('x-account-container-count')).toBe('2');
    });

    it('can come with the PUT of a new container', async () => {
      await swift.request('PUT', '/new', { headers: { 'x-versions-enabled': 'true' } });
      expect(await putVersion('/new/o', 'x')).toMatch(/^\d{10}\.\d{5}$/);
    });

    it('does not go together with the older kind', async () => {
      await post('/c', { 'x-versions-location': 'old' });
      const answer = await enable();
      expect([answer.status, await answer.text()]).toEqual([
        400,
        'Cannot enable object versioning on a container that is already using the legacy versioned writes feature.',
      ]);
    });

    it('is nobody else’s to set, and leaves nothing then', async () => {
      const refused = await swift.request('POST', '/c', {
        token: 'stranger',
        headers: { 'x-versions-enabled': 'true' },
      });
      expect(refused.status).toBe(403);
      expect((await post('/none', { 'x-versions-enabled': 'true' })).status).toBe(404);
      expect((await swift.request('HEAD', '')).headers.get('x-account-container-count')).toBe('1');
    });
  });

  describe('in a container that has them', () => {
    beforeEach(() => enable());

    it('PUT says its version, GET and HEAD too, and the body is that of the newest', async () => {
      const first = await putVersion('/c/o', 'one');
      const second = await putVersion('/c/o', 'second', {
        'content-type': 'text/x; charset=a',
        'x-object-meta-a': 'b',
      });
      expect(second > first).toBe(true);
      for (const method of ['GET', 'HEAD']) {
        const got = await swift.request(method, '/c/o');
        expect(await got.text()).toBe(method === 'GET' ? 'second' : '');
        expect(got.headers.get('x-object-version-id')).toBe(second);
        expect(got.headers.get('content-location')).toBe(`/v1/AUTH_p1/c/o?version-id=${second}`);
        expect(got.headers.get('etag')).toBe(md5('second'));
        expect(got.headers.get('content-type')).toBe('text/x; charset=a');
        expect(got.headers.get('x-object-meta-a')).toBe('b');
      }
      expect(await swift.text('/c/o', { range: 'bytes=1-2' })).toBe('ec');
      expect(await rows('format=json')).toMatchObject([
        {
          name: 'o',
          bytes: 6,
          hash: md5('second'),
          content_type: 'text/x',
          version_symlink: true,
          symlink_path: `/v1/AUTH_p1/c/o?version-id=${second}`,
        },
      ]);
    });

    it('a version is read by its id', async () => {
      const first = await putVersion('/c/o', 'one');
      await putVersion('/c/o', 'second');
      const got = await swift.request('GET', `/c/o?version-id=${first}`);
      expect([await got.text(), got.headers.get('x-object-version-id')]).toEqual(['one', first]);
      expect((await swift.request('GET', '/c/o?version-id=0000000001.00000')).status).toBe(404);
      expect((await swift.request('GET', '/c/o?version-id=null')).status).toBe(404);
      const bad = await swift.request('GET', '/c/o?version-id=x');
      expect([bad.status, await bad.text()]).toEqual([400, 'Invalid version parameter']);
      const posted = await post(`/c/o?version-id=${first}`, {});
      expect([posted.status, await posted.text()]).toEqual([400, 'POST to a specific version is not allowed']);
    });

    it('bytes of all versions are the container’s', async () => {
      await putVersion('/c/o', 'one');
      await putVersion('/c/o', 'second');
      const head = await swift.request('HEAD', '/c');
      expect(head.headers.get('x-container-bytes-used')).toBe('9');
      expect(head.headers.get('x-container-object-count')).toBe('1');
    });

    it('bytes of all versions stand in the account’s listing', async () => {
      for (const name of ['a', 'cc', 'd']) await swift.put(`/${name}`);
      await swift.put('/a/o', 'plain');
      await putVersion('/c/o', 'one');
      await putVersion('/c/o', 'second');
      const list = async (query: string) =>
        ((await (await swift.request('GET', `?format=json${query}`)).json()) as Row[]).map(
          ({ name, count, bytes }) => `${name} ${count} ${bytes}`,
        );
      const whole = ['a 1 5', 'c 1 9', 'cc 0 0', 'd 0 0'];
      expect(await list('')).toEqual(whole);
      expect(await list('&reverse=on')).toEqual(whole.toReversed());
      expect(await list('&marker=a&limit=1')).toEqual(['c 1 9']);
      expect(await list('&prefix=c')).toEqual(['c 1 9', 'cc 0 0']);
      expect(await list('&prefix=x')).toEqual([]);
      expect(await list('&delimiter=c')).toEqual(['a 1 5', 'undefined undefined undefined', 'd 0 0']);
      const head = await swift.request('HEAD', '');
      expect(head.headers.get('x-account-bytes-used')).toBe('14');
      expect([...head.headers.keys()].filter((name) => name.includes('sysmeta'))).toEqual([]);
    });

    it('DELETE leaves a marker', async () => {
      const first = await putVersion('/c/o', 'one');
      const gone = await swift.request('DELETE', '/c/o');
      const marker = gone.headers.get('x-object-version-id');
      expect([gone.status, marker]).toEqual([204, expect.stringMatching(/^\d{10}\./)]);
      expect((await swift.request('GET', '/c/o')).status).toBe(404);
      const got = await swift.request('GET', `/c/o?version-id=${marker}`);
      expect([got.status, got.headers.get('content-type'), got.headers.get('x-object-version-id')]).toEqual([
        404,
        MARKER,
        marker,
      ]);
      expect(await swift.text(`/c/o?version-id=${first}`)).toBe('one');
      expect(brief(await versions())).toEqual(['o marker latest', 'o 3']);
      const again = await swift.request('DELETE', '/c/none');
      expect([again.status, again.headers.has('x-object-version-id')]).toEqual([404, true]);
    });

    it('DELETE of a version removes it alone, and the link where it is the current one', async () => {
      const first = await putVersion('/c/o', 'one');
      const second = await putVersion('/c/o', 'second');
      const old = await swift.request('DELETE', `/c/o?version-id=${first}`);
      expect([
        old.status,
        old.headers.get('x-object-version-id'),
        old.headers.get('x-object-current-version-id'),
      ]).toEqual([204, first, second]);
      expect(await swift.text('/c/o')).toBe('second');
      const current = await swift.request('DELETE', `/c/o?version-id=${second}`);
      expect([current.status, current.headers.get('x-object-current-version-id')]).toEqual([204, 'null']);
      expect((await swift.request('GET', '/c/o')).status).toBe(404);
      expect(await versions()).toEqual([]);
      expect((await swift.request('DELETE', `/c/o?version-id=${second}`)).status).toBe(404);
    });

    it('PUT with a version id makes that version the current one', async () => {
      const first = await putVersion('/c/o', 'one');
      await putVersion('/c/o', 'second');
      const put = await swift.request('PUT', `/c/o?version-id=${first}`);
      expect([put.status, put.headers.get('x-object-version-id')]).toEqual([201, first]);
      expect(await swift.text('/c/o')).toBe('one');
      expect(brief(await versions())).toEqual(['o 6', 'o 3 latest']);
      const body = await swift.put(`/c/o?version-id=${first}`, 'x');
      expect([body.status, await body.text()]).toEqual([400, 'PUT version-id requests require a zero byte body']);
      const none = await swift.request('PUT', '/c/o?version-id=0000000001.00000');
      expect([none.status, await none.text()]).toEqual([404, 'The specified version does not exist']);
    });

    it('POST changes the current version', async () => {
      const id = await putVersion('/c/o', 'one');
      expect((await post('/c/o', { 'x-object-meta-new': '1' })).status).toBe(202);
      expect((await swift.request('HEAD', '/c/o')).headers.get('x-object-meta-new')).toBe('1');
      expect((await swift.request('HEAD', `/c/o?version-id=${id}`)).headers.get('x-object-meta-new')).toBe('1');
      expect(await swift.text('/c/o')).toBe('one');
    });

    it('symlink=get shows the link', async () => {
      const id = await putVersion('/c/o', 'one');
      const got = await swift.request('HEAD', '/c/o?symlink=get');
      expect(got.headers.get('x-symlink-target')).toBe(`c/o?version-id=${id}`);
      expect(got.headers.get('x-object-version-id')).toBe(id);
    });

    it('COPY copies a version', async () => {
      const first = await putVersion('/c/o', 'one');
      await putVersion('/c/o', 'second');
      await swift.put('/d');
      const copied = await swift.request('COPY', `/c/o?version-id=${first}`, { headers: { destination: 'd/copy' } });
      expect(copied.status).toBe(201);
      expect(await swift.text('/d/copy')).toBe('one');
      await swift.request('COPY', `/c/o?version-id=${first}`, { headers: { destination: 'c/o' } });
      expect(await swift.text('/c/o')).toBe('one');
      expect(brief(await versions())).toEqual(['o 3 latest', 'o 6', 'o 3']);
    });

    it('a wrong ETag is refused, and nothing is kept', async () => {
      const put = await swift.put('/c/o', 'one', { etag: md5('other') });
      expect(put.status).toBe(422);
      expect(await versions()).toEqual([]);
    });

    it('If-None-Match refuses what is there', async () => {
      await putVersion('/c/o', 'one');
      expect((await swift.put('/c/o', 'two', { 'if-none-match': '*' })).status).toBe(412);
      expect((await swift.put('/c/new', 'two', { 'if-none-match': '*' })).status).toBe(201);
      expect(brief(await versions())).toEqual(['new 3 latest', 'o 3 latest']);
    });

    it('X-Delete-At ends the object, not its version', async () => {
      const id = await putVersion('/c/o', 'one', { 'x-delete-after': '10' });
      swift.nowMs += 20_000;
      expect((await swift.request('GET', '/c/o')).status).toBe(404);
      expect(await swift.text(`/c/o?version-id=${id}`)).toBe('one');
    });

    it('a large object has versions', async () => {
      await swift.put('/s');
      await swift.put('/s/part', 'a part');
      const put = await swift.put('/c/o?multipart-manifest=put', JSON.stringify([{ path: '/s/part' }]));
      expect(put.headers.get('etag')).toBe(`"${md5(md5('a part'))}"`);
      await putVersion('/c/o', 'plain');
      const id = put.headers.get('x-object-version-id');
      expect(await swift.text(`/c/o?version-id=${id}`)).toBe('a part');
      expect(await versions()).toMatchObject([
        { bytes: 5, is_latest: true },
        { bytes: 6, slo_etag: `"${md5(md5('a part'))}"` },
      ]);
      await swift.request('PUT', `/c/o?version-id=${id}`);
      expect(await swift.text('/c/o')).toBe('a part');
      expect(await rows('format=json')).toMatchObject([{ bytes: 6, slo_etag: `"${md5(md5('a part'))}"` }]);
    });

    it('a link has versions, and leads no further than its reader may go', async () => {
      await swift.put('/s');
      await swift.put('/s/target', 'target');
      await swift.request('PUT', '/c/o', { headers: { 'x-symlink-target': 's/target' } });
      expect(await swift.text('/c/o')).toBe('target');
      await post('/c', { 'x-container-read': '.r:*' });
      expect((await swift.request('GET', '/c/o', { token: '' })).status).toBe(401);
      await putVersion('/c/o', 'mine');
      expect(await (await swift.request('GET', '/c/o', { token: '' })).text()).toBe('mine');
    });

    it('readers by ACL read the current version only', async () => {
      const id = await putVersion('/c/o', 'one');
      await post('/c', { 'x-container-read': '.r:*', 'x-container-write': 'p2:u3' });
      expect((await swift.request('GET', '/c/o', { token: 'stranger' })).status).toBe(200);
      expect((await swift.request('GET', `/c/o?version-id=${id}`, { token: 'stranger' })).status).toBe(403);
      expect((await swift.request('DELETE', `/c/o?version-id=${id}`, { token: 'stranger' })).status).toBe(403);
      expect((await swift.request('PUT', '/c/o', { token: 'stranger' })).status).toBe(201);
      expect((await swift.request('DELETE', '/c/o', { token: 'reader' })).status).toBe(403);
      expect((await versions()).length).toBe(2);
    });

    it('no client can name the hidden container', async () => {
      await putVersion('/c/o', 'one');
      for (const path of ['//versions/c', '/%2Fversions%2Fc', '/%2Fversions%2Fc/o'])
        expect((await swift.request('GET', path)).status, path).toBe(412);
      const copied = await swift.request('PUT', '/c/x', { headers: { 'x-copy-from': '%2Fversions%2Fc/o' } });
      expect(copied.status).toBe(404);
      const request = { method: 'GET', path: { account: 'AUTH_p1', container: '/versions/c' }, headers: {} };
      const reached = () => Promise.reject(new Error('it came through'));
      await expect(gatekeeper(reached)(request as unknown as ProxyRequest)).rejects.toMatchObject({ status: 412 });
    });

    it('the container can be deleted once all versions are gone', async () => {
      const id = await putVersion('/c/o', 'one');
      await swift.request('DELETE', `/c/o`);
      const refused = await swift.request('DELETE', '/c');
      expect([refused.status, await refused.text()]).toEqual([409, 'Delete all versions before deleting container.']);
      await swift.request('DELETE', `/c/o?version-id=${id}`);
      for (const row of await versions()) await swift.request('DELETE', `/c/o?version-id=${row['version_id']}`);
      expect((await swift.request('DELETE', '/c')).status).toBe(204);
      expect((await swift.request('HEAD', '')).headers.get('x-account-container-count')).toBe('0');
    });
  });

  describe('objects of before, and while they are suspended', () => {
    it('what was there before becomes a version when it is overwritten', async () => {
      await swift.put('/c/o', 'before', { 'x-object-meta-a': 'b' });
      await enable();
      expect((await swift.request('HEAD', '/c/o')).headers.get('x-object-version-id')).toBe('null');
      expect(brief(await versions())).toEqual(['o 6 latest']);
      await putVersion('/c/o', 'after');
      const list = await versions();
      expect(brief(list)).toEqual(['o 5 latest', 'o 6']);
      const got = await swift.request('GET', `/c/o?version-id=${list[1]?.['version_id']}`);
      expect([await got.text(), got.headers.get('x-object-meta-a')]).toEqual(['before', 'b']);
    });

    it('suspended, a PUT is the null version and a DELETE leaves no marker', async () => {
      await enable();
      const id = await putVersion('/c/o', 'one');
      await suspend();
      await swift.put('/c/o', 'null one');
      const got = await swift.request('GET', '/c/o?version-id=null');
      expect([await got.text(), got.headers.get('x-object-version-id')]).toEqual(['null one', 'null']);
      expect(brief(await versions())).toEqual(['o 8 latest', 'o 3']);
      expect((await swift.request('DELETE', '/c/o?version-id=null')).status).toBe(204);
      expect(brief(await versions())).toEqual(['o 3']);
      expect(await swift.text(`/c/o?version-id=${id}`)).toBe('one');
    });

    it('a container without versions knows only null', async () => {
      await swift.put('/c/o', 'one');
      expect(await swift.text('/c/o?version-id=null')).toBe('one');
      const got = await swift.request('GET', '/c/o?version-id=0000000001.00000');
      expect([got.status, await got.text()]).toEqual([
        400,
        'version-aware operations require that the container is versioned',
      ]);
      expect(brief(await versions())).toEqual(['o 3 latest']);
    });
  });

  describe('listings of versions', () => {
    beforeEach(async () => {
      await enable();
      for (const name of ['a', 'a!', 'b/1', 'b/2', 'ü'])
        for (const body of ['1', '22']) await putVersion(`/c/${encodeURIComponent(name)}`, body);
    });

    it('are ordered by name and from the newest, page by page', async () => {
      const whole = brief(await versions());
      expect(whole).toEqual([
        'a 2 latest',
        'a 1',
        'a! 2 latest',
        'a! 1',
        'b/1 2 latest',
        'b/1 1',
        'b/2 2 latest',
        'b/2 1',
        'ü 2 latest',
        'ü 1',
      ]);
      const paged: Row[] = [];
      for (;;) {
        const last = paged.at(-1);
        const from = last
          ? `&marker=${encodeURIComponent(String(last['name']))}&version_marker=${last['version_id']}`
          : '';
        const page = await versions(`&limit=3${from}`);
        if (page.length === 0) break;
        paged.push(...page);
      }
      expect(brief(paged)).toEqual(whole);
    });

    it('know prefix, delimiter, marker and reverse', async () => {
      expect(brief(await versions('&prefix=a!'))).toEqual(['a! 2 latest', 'a! 1']);
      expect(brief(await versions('&delimiter=/'))).toEqual([
        'a 2 latest',
        'a 1',
        'a! 2 latest',
        'a! 1',
        'b/',
        'ü 2 latest',
        'ü 1',
      ]);
      expect(brief(await versions('&marker=b/1'))).toEqual(['b/2 2 latest', 'b/2 1', 'ü 2 latest', 'ü 1']);
      expect(brief(await versions('&reverse=on&marker=a!'))).toEqual(['a 1', 'a 2 latest']);
    });

    it('are JSON only', async () => {
      const got = await swift.request('GET', '/c?versions', { headers: { accept: '*/*' } });
      expect(got.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect((await swift.request('GET', '/c?versions', { headers: { accept: 'text/plain' } })).status).toBe(406);
    });

    it('refuse what they cannot do', async () => {
      for (const [query, body] of [
        ['&version_marker=1', 'version_marker param requires marker'],
        ['&marker=a&version_marker=x', 'invalid version_marker param'],
        ['&delimiter=1', 'invalid delimiter param'],
      ]) {
        const got = await swift.request('GET', `/c?versions${query}`);
        expect([got.status, await got.text()]).toEqual([400, body]);
      }
    });
  });
});
