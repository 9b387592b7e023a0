import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const MARKER = 'application/x-deleted;swift_versions_deleted=1';

describe('versions in a container of the client’s choice', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    await swift.put('/old');
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const post = (headers: Record<string, string>) => swift.request('POST', '/c', { headers });
  const remove = async (path: string) => (await swift.request('DELETE', path)).status;
  const archived = async () => {
    const rows = (await (await swift.request('GET', '/old?format=json')).json()) as Record<string, unknown>[];
    return rows.map(({ name, content_type, bytes }) =>
      [String(name).split('/').slice(0, -1).join('/'), content_type === MARKER ? 'marker' : bytes].join(' '),
    );
  };

  describe('the setting', () => {
    it('is told, changed and removed', async () => {
      await post({ 'x-versions-location': 'old' });
      expect((await swift.request('HEAD', '/c')).headers.get('x-versions-location')).toBe('old');
      await post({ 'x-history-location': 'old' });
      const head = await swift.request('HEAD', '/c');
      expect([head.headers.get('x-versions-location'), head.headers.get('x-history-location')]).toEqual([null, 'old']);
      for (const removal of [
        { 'x-remove-versions-location': 'x' },
        { 'x-remove-history-location': 'x' },
        { 'x-versions-location': '' },
      ]) {
        await post({ 'x-versions-location': 'old' });
        await post(removal);
        expect((await swift.request('HEAD', '/c')).headers.get('x-versions-location')).toBeNull();
      }
    });

    it('is refused where it makes no sense', async () => {
      const both = await post({ 'x-versions-location': 'a', 'x-history-location': 'b' });
      expect([both.status, await both.text()]).toEqual([
        400,
        'Only one of x-versions-location or x-history-location may be specified',
      ]);
      const slashes = await post({ 'x-versions-location': 'a/b' });
      expect([slashes.status, await slashes.text()]).toEqual([412, 'Container name cannot contain slashes']);
    });
  });

  describe('as a stack', () => {
    beforeEach(() => post({ 'x-versions-location': 'old' }));

    it('PUT keeps what was there, DELETE brings it back', async () => {
      for (const body of ['1', '22', '333']) await swift.put('/c/ü', body, { 'x-object-meta-body': body });
      expect(await archived()).toEqual(['002ü 1', '002ü 2']);
      expect(await remove('/c/ü')).toBe(204);
      const got = await swift.request('GET', '/c/ü');
      expect([await got.text(), got.headers.get('x-object-meta-body')]).toEqual(['22', '22']);
      expect(await archived()).toEqual(['002ü 1']);
      await remove('/c/ü');
      expect(await swift.text('/c/ü')).toBe('1');
      await remove('/c/ü');
      expect((await swift.request('GET', '/c/ü')).status).toBe(404);
      expect(await remove('/c/ü')).toBe(404);
    });

    it('a DELETE of what history has marked as gone brings back what was before', async () => {
      await post({ 'x-history-location': 'old' });
      await swift.put('/c/o', 'one');
      await remove('/c/o');
      expect(await archived()).toEqual(['001o 3', '001o marker']);
      await post({ 'x-versions-location': 'old' });
      expect(await remove('/c/o')).toBe(204);
      expect(await swift.text('/c/o')).toBe('one');
      expect(await archived()).toEqual([]);
    });

    it('a DELETE above a marker only takes what is there', async () => {
      await post({ 'x-history-location': 'old' });
      await swift.put('/c/o', 'one');
      await remove('/c/o');
      await post({ 'x-versions-location': 'old' });
      await swift.put('/c/o', 'two');
      expect(await remove('/c/o')).toBe(204);
      expect((await swift.request('GET', '/c/o')).status).toBe(404);
      expect(await archived()).toEqual(['001o 3', '001o marker']);
    });

    it('without the other container nothing is overwritten', async () => {
      await swift.put('/c/o', 'one');
      await swift.request('DELETE', '/old');
      expect((await swift.put('/c/o', 'two')).status).toBe(412);
      expect(await swift.text('/c/o')).toBe('one');
    });

    it('who may not write keeps no versions', async () => {
      await swift.put('/c/o', 'one');
      expect((await swift.request('PUT', '/c/o', { token: 'reader', body: 'x' })).status).toBe(403);
      expect((await swift.request('DELETE', '/c/o', { token: 'stranger' })).status).toBe(403);
      expect(await archived()).toEqual([]);
    });

    it('who may write by the ACL needs no access to the other container', async () => {
      await swift.put('/c/o', 'one');
      await post({ 'x-container-write': 'p2:u3' });
      expect((await swift.request('PUT', '/c/o', { token: 'stranger', body: 'two' })).status).toBe(201);
      expect(await archived()).toEqual(['001o 3']);
      expect((await swift.request('DELETE', '/c/o', { token: 'stranger' })).status).toBe(204);
      expect(await swift.text('/c/o')).toBe('one');
    });
  });

  describe('as a history', () => {
    beforeEach(() => post({ 'x-history-location': 'old' }));

    it('PUT keeps what was there, DELETE too, with a marker', async () => {
      for (const body of ['1', '22']) await swift.put('/c/o', body);
      expect(await remove('/c/o')).toBe(204);
      expect((await swift.request('GET', '/c/o')).status).toBe(404);
      expect(await archived()).toEqual(['001o 1', '001o 2', '001o marker']);
      expect(await remove('/c/o')).toBe(404);
      expect(await archived()).toEqual(['001o 1', '001o 2', '001o marker', '001o marker']);
    });
  });
});
