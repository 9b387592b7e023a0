import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LISTED_AS } from '../../../object-server/contract.ts';
import type { RootSecrets } from '../../../proxy/encryption/root-secrets.ts';
import { FakeSwift, type FakeSwiftOptions } from '../../support/swift-fakes/fake-swift.ts';
import { rootSecrets } from '../../support/swift-fakes/root-secrets.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const TEXT = 'the quick brown fox jumps over the lazy dog';
const KEYS = rootSecrets(['one']);

type Row = { name: string; hash: string; slo_etag?: string };

describe('encryption at rest', () => {
  let swift: FakeSwift;
  /** Other proxies over the same devices. */
  let others: FakeSwift[];

  beforeEach(async () => {
    others = [];
    swift = await FakeSwift.start({ straight: true, deps: { rootSecrets: KEYS } });
    await swift.put('/c');
  });

  afterEach(async () => {
    for (const each of [swift, ...others]) await each.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  /** A proxy with other keys over the same devices. */
  const proxyWith = async (secrets: RootSecrets | undefined, options: FakeSwiftOptions = {}) => {
    const other = await FakeSwift.start({
      ...options,
      deps: {
        rootSecrets: secrets,
        objectStoreAt: ({ device }) => mustGet(swift.objects, device),
        listingStoreAt: ({ device }) => mustGet(swift.listings, device),
      },
    });
    others.push(other);
    return other;
  };

  /** What the first device that has the object keeps of it. */
  const stored = (object: string) => {
    for (const store of swift.objects.values())
      for (const [key, { data, change }] of store.objects)
        if (data && (JSON.parse(key) as string[])[3] === object) return { ...data, changed: change?.metadata };
    throw new Error(`nobody has ${object}`);
  };

  const rows = async (proxy = swift, container = '/c') =>
    (await (await proxy.request('GET', `${container}?format=json`)).json()) as Row[];

  it('a client sees plain objects, and the devices see ciphertext', async () => {
    const put = await swift.put('/c/o', TEXT, {
      'x-object-meta-color': Buffer.from('grünlich').toString('latin1'),
      'x-object-meta-empty': '',
    });
    expect([put.status, put.headers.get('etag')]).toEqual([201, md5(TEXT)]);
    const got = await swift.request('GET', '/c/o');
    expect([got.status, await got.text(), got.headers.get('etag')]).toEqual([200, TEXT, md5(TEXT)]);
    expect(Buffer.from(got.headers.get('x-object-meta-color') ?? '', 'latin1').toString()).toBe('grünlich');
    expect(got.headers.get('x-object-meta-empty')).toBe('');
    expect([...got.headers.keys()].filter((name) => name.includes('sysmeta'))).toEqual([]);
    expect((await rows()).map(({ hash }) => hash)).toEqual([md5(TEXT)]);
    const { bytes, etag, fixedMetadata, version } = stored('o');
    expect(bytes.length).toBe(TEXT.length);
    const kept = JSON.stringify([bytes.toString('latin1'), etag, fixedMetadata, version]);
    for (const secret of ['quick', md5(TEXT), 'grünlich', Buffer.from(TEXT).toString('base64')])
      expect(kept).not.toContain(secret);
    expect(version.metadata['x-object-meta-empty']).toBe('');
  });

  it('two uploads of the same bytes share no ciphertext', async () => {
    await swift.put('/c/o', TEXT);
    const first = stored('o').bytes;
    await swift.put('/c/o', TEXT);
    expect(stored('o').bytes.equals(first)).toBe(false);
  });

  it('ranges are decrypted from wherever they begin', async () => {
    await swift.put('/c/o', TEXT);
    for (const [from, to] of [
      [0, 1],
      [15, 17],
      [16, 32],
      [17, 43],
      [42, 43],
    ] as const)
      expect(await swift.text('/c/o', { range: `bytes=${from}-${to - 1}` })).toBe(TEXT.slice(from, to));
    expect(await swift.text('/c/o', { range: 'bytes=-3' })).toBe('dog');
    expect(await swift.text('/c/o', { range: 'bytes=4-8,35-38' })).toMatch(/\r\nquick\r\n[\s\S]*\r\nlazy\r\n/);
    expect((await swift.request('GET', '/c/o', { headers: { range: 'bytes=99-' } })).status).toBe(416);
  });

  it('conditions compare the ETag of the plain body', async () => {
    await swift.put('/c/o', TEXT);
    const status = async (headers: Record<string, string>) => (await swift.request('GET', '/c/o', { headers })).status;
    expect(await status({ 'if-none-match': `"${md5(TEXT)}"` })).toBe(304);
    expect(await status({ 'if-none-match': stored('o').etag })).toBe(200);
    expect(await status({ 'if-match': md5(TEXT) })).toBe(200);
    expect(await status({ 'if-match': stored('o').etag })).toBe(412);
    expect((await swift.put('/c/o', 'new', { 'if-none-match': '*' })).status).toBe(412);
  });

  it('a body that is not what its ETag says is refused, and nothing is left', async () => {
    expect((await swift.put('/c/o', TEXT, { etag: md5('other') })).status).toBe(422);
    expect((await swift.put('/c/o', '', { etag: md5('other') })).status).toBe(422);
    expect((await swift.request('GET', '/c/o')).status).toBe(404);
    expect((await swift.put('/c/o', TEXT, { etag: `"${md5(TEXT).toUpperCase()}"` })).status).toBe(201);
    expect((await swift.put('/c/p', '', { etag: md5('') })).status).toBe(201);
  });

  it('an empty object has nothing to hide', async () => {
    const put = await swift.put('/c/o');
    expect(put.headers.get('etag')).toBe(md5(''));
    expect(stored('o').fixedMetadata).toEqual({});
    const got = await swift.request('GET', '/c/o');
    expect([got.status, await got.text(), got.headers.get('etag')]).toEqual([200, '', md5('')]);
    expect((await rows())[0]?.hash).toBe(md5(''));
  });

  it('a POST replaces the metadata, encrypted again', async () => {
    await swift.put('/c/o', TEXT, { 'x-object-meta-a': 'first' });
    const headers = { 'x-object-meta-b': 'second', 'content-type': 'text/x' };
    expect((await swift.request('POST', '/c/o', { headers })).status).toBe(202);
    const head = await swift.request('HEAD', '/c/o');
    expect([head.headers.get('x-object-meta-a'), head.headers.get('x-object-meta-b')]).toEqual([null, 'second']);
    expect([head.headers.get('etag'), head.headers.get('content-type')]).toEqual([md5(TEXT), 'text/x']);
    expect(JSON.stringify(stored('o').changed)).not.toContain('second');
    expect(await swift.text('/c/o')).toBe(TEXT);
    expect((await rows())[0]?.hash).toBe(md5(TEXT));
  });

  it('bounds of metadata are those of the plain text', async () => {
    const most = Object.fromEntries(
      Array.from({ length: 15 }, (_, index) => [`x-object-meta-${index}`, 'v'.repeat(256)]),
    );
    expect((await swift.put('/c/o', '', most)).status).toBe(201);
    expect((await swift.put('/c/o', '', { 'x-object-meta-a': 'v'.repeat(257) })).status).toBe(400);
    const many = Object.fromEntries(Array.from({ length: 91 }, (_, index) => [`x-object-meta-${index}`, 'v']));
    const post = await swift.request('POST', '/c/o', { headers: many });
    expect([post.status, await post.text()]).toEqual([400, 'Too many metadata items; max 90']);
  });

  it('copies are encrypted anew under their own name', async () => {
    await swift.put('/d');
    await swift.put('/c/o', TEXT, { 'x-object-meta-a': 'kept' });
    const copied = await swift.request('COPY', '/c/o', { headers: { destination: 'd/p' } });
    expect([copied.status, copied.headers.get('etag')]).toEqual([201, md5(TEXT)]);
    const got = await swift.request('GET', '/d/p');
    expect([await got.text(), got.headers.get('x-object-meta-a')]).toEqual([TEXT, 'kept']);
    expect(stored('p').bytes.equals(stored('o').bytes)).toBe(false);
    await swift.request('COPY', '/c/o', { headers: { destination: 'd/q', range: 'bytes=4-8' } });
    expect(await swift.text('/d/q')).toBe('quick');
    expect((await rows(swift, '/d')).map(({ hash }) => hash)).toEqual([md5(TEXT), md5('quick')]);
  });

  it('large objects of both kinds are put together from encrypted segments', async () => {
    await swift.put('/s');
    await swift.put('/s/part/1', 'one ');
    await swift.put('/s/part/2', 'two');
    const manifest = JSON.stringify([
      { path: '/s/part/1', etag: md5('one ') },
      { path: '/s/part/2', etag: md5('two') },
    ]);
    expect((await swift.put('/c/slo?multipart-manifest=put', manifest)).status).toBe(201);
    await swift.put('/c/dlo', '', { 'x-object-manifest': 's/part/' });
    const etag = `"${md5(md5('one ') + md5('two'))}"`;
    for (const path of ['/c/slo', '/c/dlo']) {
      const got = await swift.request('GET', path);
      expect([await got.text(), got.headers.get('etag')]).toEqual(['one two', etag]);
      expect(await swift.text(path, { range: 'bytes=2-5' })).toBe('e tw');
    }
    expect((await swift.request('HEAD', '/c/slo')).headers.get('content-length')).toBe('7');
    expect((await rows()).find(({ name }) => name === 'slo')?.slo_etag).toBe(etag);
    expect(JSON.stringify(stored('slo').fixedMetadata[LISTED_AS.etag])).not.toContain('slo_etag');
    expect((await swift.request('COPY', '/c/slo', { headers: { destination: 'c/whole' } })).status).toBe(201);
    expect(await swift.text('/c/whole')).toBe('one two');
    const copied = await swift.request('COPY', '/c/slo?multipart-manifest=get', { headers: { destination: 'c/slo2' } });
    expect(copied.status).toBe(201);
    expect(await swift.text('/c/slo2')).toBe('one two');
  });

  it('what was written before stays readable, and is never ciphertext', async () => {
    const plain = await proxyWith(undefined, { straight: true });
    await plain.put('/c/o', TEXT, { 'x-object-meta-a': 'plain' });
    expect(stored('o').bytes.toString()).toBe(TEXT);
    const got = await swift.request('GET', '/c/o');
    expect([await got.text(), got.headers.get('x-object-meta-a')]).toEqual([TEXT, 'plain']);
    expect((await swift.request('POST', '/c/o', { headers: { 'x-object-meta-a': 'hidden' } })).status).toBe(202);
    const after = await swift.request('GET', '/c/o');
    expect([await after.text(), after.headers.get('x-object-meta-a')]).toEqual([TEXT, 'hidden']);
    expect(JSON.stringify(stored('o').changed)).not.toContain('hidden');
  });

  it('switched off, it reads what is encrypted and writes plain', async () => {
    await swift.put('/c/o', TEXT);
    const config = { encryption: { disable_encryption: true } };
    const off = await proxyWith(KEYS, { config });
    expect(await off.text('/c/o')).toBe(TEXT);
    expect((await rows(off))[0]?.hash).toBe(md5(TEXT));
    await off.request('COPY', '/c/o', { headers: { destination: 'c/p', 'x-object-meta-a': '1' } });
    expect(stored('p').bytes.toString()).toBe(TEXT);
    expect(stored('p').fixedMetadata).toEqual({});
  });

  it('after a new secret, what was written with the old one is read still', async () => {
    await swift.put('/c/old', TEXT, { 'x-object-meta-a': 'old' });
    const rotated = await proxyWith(rootSecrets(['two', 'one']));
    await rotated.put('/c/new', 'new text');
    expect(await rotated.text('/c/old')).toBe(TEXT);
    expect((await rotated.request('HEAD', '/c/old')).headers.get('x-object-meta-a')).toBe('old');
    expect(JSON.stringify(stored('new').fixedMetadata)).toContain('two');
    expect((await rows(rotated)).map(({ hash }) => hash)).toEqual([md5('new text'), md5(TEXT)]);
    await rotated.request('POST', '/c/old', { headers: { 'x-object-meta-a': 'newer' } });
    const got = await rotated.request('GET', '/c/old');
    expect([await got.text(), got.headers.get('x-object-meta-a')]).toEqual([TEXT, 'newer']);
  });

  describe.each([
    ['no secrets', undefined, /proxy\.encryption\.root_secrets is not set/],
    ['other secrets', rootSecrets(['two']), /'one' is not among those/],
    ['another secret of the same name', rootSecrets(['one'], ['other']), /'one' is not the one that was used/],
  ] as const)('with %s', (_, secrets, reason) => {
    it('an encrypted object is an error, never ciphertext', async () => {
      await swift.put('/c/o', TEXT, { 'x-object-meta-a': '1' });
      const lines: string[] = [];
      const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
      const other = await FakeSwift.start({
        straight: true,
        deps: {
          rootSecrets: secrets,
          logger,
          objectStoreAt: ({ device }) => mustGet(swift.objects, device),
          listingStoreAt: ({ device }) => mustGet(swift.listings, device),
        },
      });
      others.push(other);
      for (const method of ['GET', 'HEAD']) {
        const response = await other.request(method, '/c/o');
        expect(response.status).toBe(500);
        expect(await response.text()).toBe(method === 'GET' ? 'Error decrypting object' : '');
        expect(lines.pop()).toMatch(reason);
      }
      expect((await rows(other)).map(({ hash }) => hash)).toEqual(['<unknown>']);
      expect((await other.request('DELETE', '/c/o')).status).toBe(204);
    });
  });

  it('an object that was moved behind the back of the proxy is an error', async () => {
    await swift.put('/c/o', TEXT);
    for (const store of swift.objects.values())
      for (const [key, value] of [...store.objects]) store.objects.set(key.replace('"o"', '"moved"'), value);
    expect((await swift.request('GET', '/c/moved')).status).toBe(500);
  });

  it('damaged records are an error', async () => {
    await swift.put('/c/o', TEXT);
    const records = ['', '{', '[]', 'null', '{"v":2}', '{"v":1,"cipher":"AES_CTR_256","secret":"one"}'];
    for (const record of records) {
      for (const store of swift.objects.values())
        for (const { data } of store.objects.values())
          if (data) data.fixedMetadata = { ...data.fixedMetadata, 'x-object-sysmeta-crypto-body-meta': record };
      const got = await swift.request('GET', '/c/o');
      expect([record, got.status, await got.text()]).toEqual([record, 500, 'Error decrypting object']);
    }
  });

  it('a client cannot speak for the keys', async () => {
    const forged = { 'x-object-sysmeta-crypto-body-meta': '{}', 'x-object-transient-sysmeta-crypto-meta': '{}' };
    expect((await swift.put('/c/o', TEXT, forged)).status).toBe(201);
    expect(await swift.text('/c/o')).toBe(TEXT);
  });
});

function mustGet<T>(map: ReadonlyMap<string, T>, key: string): T {
  const value = map.get(key);
  if (value === undefined) throw new Error(`no ${key}`);
  return value;
}
