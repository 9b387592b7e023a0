import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { rootSecrets } from '../../support/swift-fakes/root-secrets.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** What features keep in sysmeta and in listing rows goes through encryption and comes back. */
describe('features over encrypted objects', () => {
  let swift: FakeSwift;

  beforeAll(async () => {
    swift = await FakeSwift.start({ deps: { rootSecrets: rootSecrets(['one']) } });
    await swift.put('/c');
    await swift.put('/s');
    await swift.put('/s/1', 'first ');
    await swift.put('/s/2', 'second');
  });

  afterAll(() => swift.stop());

  const rows = async (path: string) => (await (await swift.request('GET', path)).json()) as Record<string, unknown>[];

  it('links are followed and listed', async () => {
    const headers = { 'x-symlink-target': 's/1', 'x-symlink-target-etag': md5('first ') };
    expect((await swift.request('PUT', '/c/link', { headers })).status).toBe(201);
    expect(await swift.text('/c/link')).toBe('first ');
    expect(await rows('/c?format=json&prefix=link')).toMatchObject([
      { hash: md5(''), symlink_etag: md5('first '), symlink_bytes: 6, symlink_path: '/v1/AUTH_p1/s/1' },
    ]);
  });

  it('a large object has versions, and is listed as the whole', async () => {
    await swift.request('POST', '/c', { headers: { 'x-versions-enabled': 'true' } });
    const put = await swift.put('/c/o?multipart-manifest=put', JSON.stringify([{ path: '/s/1' }, { path: '/s/2' }]));
    const etag = `"${md5(md5('first ') + md5('second'))}"`;
    expect(put.headers.get('etag')).toBe(etag);
    await swift.put('/c/o', 'plain');
    expect(await swift.text(`/c/o?version-id=${put.headers.get('x-object-version-id')}`)).toBe('first second');
    expect(await rows('/c?versions&prefix=o')).toMatchObject([
      { name: 'o', bytes: 5, hash: md5('plain'), is_latest: true },
      { name: 'o', bytes: 12, slo_etag: etag, is_latest: false },
    ]);
  });
});
