import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { RawHttp } from '../../support/swift-fakes/raw-http.ts';

type File = [header: Partial<Header> & { name: string }, body?: string | Buffer];

async function tarOf(...files: File[]): Promise<Buffer> {
  const tar = pack();
  for (const [header, body = ''] of files) tar.entry(header, body);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

describe('archives', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const upload = (path: string, body: Buffer, headers: Record<string, string> = {}, format = 'tar') =>
    swift.request('PUT', `${path}?extract-archive=${format}`, { body: new Uint8Array(body), headers });
  const report = async (...sent: Parameters<typeof upload>) => {
    const [path, body, headers, format] = sent;
    const response = await upload(path, body, { accept: 'application/json', ...headers }, format);
    expect(response.status).toBe(200);
    return (await response.json()) as Record<string, unknown>;
  };
  const CREATED = (count: number) => ({
    'Response Status': '201 Created',
    'Response Body': '',
    'Number Files Created': count,
    Errors: [],
  });

  it('become containers and objects', async () => {
    const large = Buffer.alloc(300_000, 'large ');
    const body = await tarOf(
      [{ name: 'c/', type: 'directory' }],
      [{ name: './c/o' }, 'first'],
      [{ name: 'c/deep/er/ü' }, 'second'],
      [{ name: '/d/large' }, large],
      [{ name: 'base' }, 'at the base: in no container'],
      [{ name: 'c/link', type: 'symlink', linkname: 'o' }],
      [{ name: 'd/empty' }],
    );
    expect(await report('', body)).toEqual(CREATED(4));
    expect(await swift.text('')).toBe('c\nd\n');
    expect(await swift.text('/c')).toBe('deep/er/ü\no\n');
    expect(await swift.text('/c/deep/er/%C3%BC')).toBe('second');
    expect(await swift.text('/d/large')).toBe(large.toString());
    expect(await swift.text('/d/empty')).toBe('');
  });

  it('lie below a container, or a prefix of one', async () => {
    const body = await tarOf([{ name: 'o' }, 'x'], [{ name: 'a/b' }, 'y']);
    expect(await report('/c', body)).toEqual(CREATED(2));
    expect(await report('/c/p/q/', body)).toEqual(CREATED(2));
    expect(await swift.text('/c')).toBe('a/b\no\np/q/a/b\np/q/o\n');
  });

  it('may be packed with gzip or bzip2', async () => {
    const body = await tarOf([{ name: 'c/o' }, 'packed'.repeat(10_000)]);
    const bzip2 = spawnSync('bzip2', ['-c'], { input: body });
    for (const [format, packed] of [
      ['tar.gz', gzipSync(body)],
      ['.TAR.GZ', gzipSync(body)],
      ['tar.bz2', bzip2.stdout],
    ] as const) {
      expect(await report('', packed, {}, format), format).toEqual(CREATED(1));
      expect(await swift.text('/c/o')).toBe('packed'.repeat(10_000));
      await swift.request('DELETE', '/c/o');
    }
  });

  it('give metadata: the request’s to all, and each file its own', async () => {
    const pax = {
      'SCHILY.xattr.user.mime_type': 'image/x',
      'SCHILY.xattr.user.meta.Colour': 'grün',
      'LIBARCHIVE.xattr.user.meta.size': 'small',
      'SCHILY.xattr.security': 'x',
    };
    await report('', await tarOf([{ name: 'c/o', pax }, 'x'], [{ name: 'c/p.txt' }, 'y']), {
      'x-object-meta-all': '1',
    });
    const { headers } = await swift.request('HEAD', '/c/o');
    expect(headers.get('content-type')).toBe('image/x');
    expect(Buffer.from(headers.get('x-object-meta-colour') ?? '', 'latin1').toString()).toBe('grün');
    expect([headers.get('x-object-meta-size'), headers.get('x-object-meta-all')]).toEqual(['small', '1']);
    const other = await swift.request('HEAD', '/c/p.txt');
    expect([other.headers.get('x-object-meta-all'), other.headers.get('content-type')]).toEqual(['1', 'text/plain']);
  });

  it('answer in text and XML, too', async () => {
    const body = await tarOf([{ name: 'c/o' }, 'x']);
    expect(await (await upload('', body)).text()).toBe(
      'Number Files Created: 1\nResponse Body: \nResponse Status: 201 Created\nErrors:\n',
    );
    const xml = await upload('', body, { accept: 'text/xml' });
    expect(xml.headers.get('content-type')).toBe('text/xml');
    expect(await xml.text()).toContain('<extract>\n<number_files_created>1</number_files_created>\n');
    const image = await upload('', body, { accept: 'image/png' });
    expect([image.status, await image.text()]).toEqual([
      200,
      'Number Files Created: 0\nResponse Body: \nResponse Status: 406 Not Acceptable\nErrors:\n',
    ]);
  });

  describe('say what they could not do', () => {
    it('with each file', async () => {
      const long = 'n'.repeat(1_025);
      const body = await tarOf(
        [{ name: 'c/good' }, 'x'],
        [{ name: `c/${long}` }, 'too long a name'],
        [{ name: 'c/bad', pax: { 'SCHILY.xattr.user.meta.a': 'b\nc' } }, 'x'],
        [{ name: 'c/also good' }, 'x'],
      );
      expect(await report('', body)).toEqual({
        'Response Status': '400 Bad Request',
        'Response Body': '',
        'Number Files Created': 2,
        Errors: [
          [`c/${long}`.slice(0, 1_024), '400 Bad Request'],
          ['c/bad', '400 Bad Request'],
        ],
      });
      expect(await swift.text('/c')).toBe('also good\ngood\n');
    });

    it('with files that are too large, and names that are no UTF-8', async () => {
      await swift.stop();
      swift = await FakeSwift.start({ config: { max_file_size: 10 } });
      const body = await tarOf([{ name: 'c/large' }, 'x'.repeat(11)], [{ name: 'c/XX' }, 'y'], [{ name: 'c/o' }, 'z']);
      const at = body.indexOf('c/XX');
      body[at + 2] = 0xff;
      // The checksum of the header: the sum of its bytes.
      const header = body.subarray(at, at + 512);
      header.fill(' ', 148, 156);
      header.write(
        `${header
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
        148,
      );
      expect(await report('', body)).toMatchObject({
        'Number Files Created': 1,
        Errors: [
          ['c/large', '413 Request Entity Too Large'],
          [expect.stringMatching(/^c\/%EF%BF%BD/), '412 Precondition Failed'],
        ],
      });
    });

    it('with what is no archive, or no such one, or ends too early', async () => {
      const body = await tarOf([{ name: 'c/o' }, 'x'.repeat(5_000)]);
      for (const [sent, format] of [
        [Buffer.alloc(2_000, 'no tar '), 'tar'],
        [body, 'tar.gz'],
        [body, 'tar.bz2'],
        [body.subarray(0, 2_000), 'tar'],
        [gzipSync(body).subarray(0, 40), 'tar.gz'],
      ] as const) {
        const answer = await report('', sent, {}, format);
        expect(answer['Response Status'], format).toBe('400 Bad Request');
        expect(answer['Response Body'], format).toMatch(/^Invalid Tar File: ./);
        expect((await swift.request('GET', '/c/o')).status).toBe(404);
      }
      const empty = await report('', await tarOf());
      expect(empty).toMatchObject({ 'Response Body': 'Invalid Tar File: No Valid Files', 'Number Files Created': 0 });
      const unknown = await upload('', body, {}, 'zip');
      expect([unknown.status, await unknown.text()]).toEqual([400, 'Unsupported archive format']);
    });

    it('with bz2 where the machine has no bzip2', async () => {
      const path = process.env['PATH'];
      process.env['PATH'] = '/nonexistent';
      try {
        expect(await report('', await tarOf([{ name: 'c/o' }, 'x']), {}, 'tar.bz2')).toMatchObject({
          'Response Status': '501 Not Implemented',
          'Response Body': 'Archives in bz2 need the program bzip2, which this server does not have.',
        });
      } finally {
        process.env['PATH'] = path;
      }
    });

    it('with containers that the caller may not make', async () => {
      const body = await tarOf([{ name: 'c/o' }, 'x'], [{ name: 'd/o' }, 'x']);
      await swift.put('/c');
      await swift.request('POST', '/c', { headers: { 'x-container-write': 'p1:u2' } });
      const asReader = await swift.request('PUT', '?extract-archive=tar', {
        token: 'reader',
        body: new Uint8Array(body),
        headers: { accept: 'application/json' },
      });
      expect(await asReader.json()).toEqual({
        'Response Status': '400 Bad Request',
        'Response Body': '',
        'Number Files Created': 1,
        Errors: [
          ['/v1/AUTH_p1/d', '403 Forbidden'],
          ['d/o', '403 Forbidden'],
        ],
      });
      const nobody = await swift.request('PUT', '?extract-archive=tar', {
        token: '',
        body: new Uint8Array(body),
        headers: { accept: 'application/json' },
      });
      expect(await nobody.json()).toMatchObject({ 'Response Status': '401 Unauthorized', 'Number Files Created': 0 });
    });

    it('with replicas that fail', async () => {
      await swift.put('/c');
      for (const store of swift.objects.values()) store.faults.unavailable = 'DeviceUnavailable';
      expect(await report('', await tarOf([{ name: 'c/o' }, 'x']))).toMatchObject({
        'Response Status': '502 Bad Gateway',
        Errors: [['c/o', '503 Service Unavailable']],
      });
    });
  });

  it('come after 100 Continue where a client waits for it, and a client that goes away leaves nothing half', async () => {
    const body = await tarOf([{ name: 'c/o' }, 'whole'], [{ name: 'c/p' }, 'x'.repeat(5_000)]);
    const raw = new RawHttp(swift.port);
    raw.send(
      [
        'PUT /v1/AUTH_p1?extract-archive=tar HTTP/1.1',
        'Host: x',
        'X-Auth-Token: member',
        'Expect: 100-continue',
        `Content-Length: ${body.length}`,
        '\r\n',
      ].join('\r\n'),
    );
    await raw.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    raw.send(body.subarray(0, 3_000).toString('latin1'));
    await expect.poll(async () => (await swift.request('GET', '/c/o')).status, { interval: 5 }).toBe(200);
    raw.destroy();
    await expect
      .poll(() => [...swift.objects.values()].reduce((sum, store) => sum + store.openUploads, 0), { interval: 5 })
      .toBe(0);
    expect(await swift.text('/c')).toBe('o\n');
  });
});
