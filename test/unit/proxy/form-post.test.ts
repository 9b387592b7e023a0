import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { RawHttp } from '../../support/swift-fakes/raw-http.ts';

const KEY = 'a key of the account';
const EXPIRES = Date.parse('2026-11-21T01:00:00Z') / 1000;

type Fields = Record<string, string>;

function signatureOf(path: string, fields: Fields, key = KEY, digest = 'sha256'): string {
  const { redirect = '', max_file_size = '0', max_file_count = '0', expires = '0' } = fields;
  const text = [path, redirect, max_file_size, max_file_count, expires].join('\n');
  return createHmac(digest, key).update(text).digest('hex');
}

function fieldsFor(path: string, more: Fields = {}): Fields {
  const fields = { max_file_size: '100', max_file_count: '2', expires: String(EXPIRES), ...more };
  return { ...fields, signature: more['signature'] ?? signatureOf(`/v1/AUTH_p1${path}`, fields) };
}

function formOf(fields: Fields, files: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  for (const [name, text] of Object.entries(files))
    form.append('file', new Blob([text], { type: 'text/x-thing' }), name);
  return form;
}

describe('forms', () => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start();
    await swift.put('/c');
    await swift.request('POST', '', { headers: { 'x-account-meta-temp-url-key': KEY } });
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const post = (path: string, fields: Fields, files: Record<string, string> = { 'a.txt': 'hello' }) =>
    fetch(`${swift.url}/v1/AUTH_p1${path}`, { method: 'POST', body: formOf(fields, files), redirect: 'manual' });
  const answerOf = async (path: string, fields: Fields, files?: Record<string, string>) => {
    const answer = await post(path, fields, files);
    return [answer.status, await answer.text()];
  };

  it('files become objects behind the prefix of the address', async () => {
    const answer = await post('/c/up/', fieldsFor('/c/up/'), { 'a.txt': 'hello', 'b/ö.txt': 'x'.repeat(100) });
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      201,
      'text/plain',
      '201 Created',
    ]);
    const stored = await swift.request('GET', '/c/up/a.txt');
    expect([await stored.text(), stored.headers.get('content-type')]).toEqual(['hello', 'text/x-thing']);
    expect(await swift.text('/c/up/b/%C3%B6.txt')).toBe('x'.repeat(100));
    expect(await answerOf('/c', fieldsFor('/c'))).toEqual([201, '201 Created']);
    expect(await answerOf('/c/', fieldsFor('/c/'), { z: '' })).toEqual([201, '201 Created']);
    expect(await answerOf('/c/pre', fieldsFor('/c/pre'))).toEqual([201, '201 Created']);
    expect((await swift.text('/c')).split('\n')).toEqual(['a.txt', 'prea.txt', 'up/a.txt', 'up/b/ö.txt', 'z', '']);
  });

  it('fields before a file say its type, encoding and end', async () => {
    const more = { 'content-type': 'text/own', 'content-encoding': 'gzip', x_delete_at: String(EXPIRES + 5) };
    const fields = fieldsFor('/c');
    expect(await answerOf('/c', { ...fields, ...more })).toEqual([201, '201 Created']);
    const { headers } = await swift.request('HEAD', '/c/a.txt');
    expect([headers.get('content-type'), headers.get('content-encoding'), headers.get('x-delete-at')]).toEqual([
      'text/own',
      'gzip',
      String(EXPIRES + 5),
    ]);
    expect(await answerOf('/c', { ...fields, x_delete_after: '60' })).toEqual([201, '201 Created']);
    expect((await swift.request('HEAD', '/c/a.txt')).headers.get('x-delete-at')).toBe(String(EXPIRES - 3540));
  });

  it('sends the browser on, and tells there how it went', async () => {
    const redirect = 'http://example.com/done?a=1&b="2"';
    const answer = await post('/c', fieldsFor('/c', { redirect }));
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${redirect}&status=201&message=`]);
    expect(await answer.text()).toContain('href="http://example.com/done?a=1&amp;b=&quot;2&quot;&amp;status=201');
    const none = await post('/c', fieldsFor('/c', { redirect: 'http://example.com/' }), {});
    expect(none.headers.get('location')).toBe('http://example.com/?status=400&message=no%20files%20to%20process');
    const many = await post('/c', fieldsFor('/c', { redirect: 'http://x/' }), { a: '1', b: '2', d: '3' });
    expect(many.headers.get('location')).toBe('http://x/?status=400&message=max%20file%20count%20exceeded');
  });

  it('sends nobody on for whom no key has signed', async () => {
    const fields = fieldsFor('/c', { redirect: 'http://example.com/', signature: 'ab'.repeat(32) });
    expect(await answerOf('/c', fields, {})).toEqual([400, '400 Bad Request\r\nFormPost: No Files To Process']);
    const counted = { ...fields, max_file_count: '0' };
    expect((await post('/c', counted)).headers.get('location')).toBeNull();
  });

  it('refuses what is signed otherwise, and what has expired', async () => {
    const unsigned = [401, 'FormPost: Invalid Signature'];
    const fields = fieldsFor('/c');
    expect(await answerOf('/c/other', fields)).toEqual(unsigned);
    for (const change of [
      { max_file_size: '101' },
      { max_file_count: '3' },
      { expires: String(EXPIRES + 1) },
      { redirect: 'http://x/' },
      { signature: 'zz' },
      { signature: signatureOf('/v1/AUTH_p1/c', fields, 'another') },
      { signature: signatureOf('/v1/AUTH_p1/c', fields, KEY, 'sha1') },
    ])
      expect(await answerOf('/c', { ...fields, ...change }), JSON.stringify(change)).toEqual(unsigned);
    expect(await answerOf('', fieldsFor(''))).toEqual(unsigned);
    expect((await post('/c', { ...fields, signature: '' })).headers.get('www-authenticate')).toBe(
      'Swift realm="unknown"',
    );
    const sha512 = { ...fields, signature: signatureOf('/v1/AUTH_p1/c', fields, KEY, 'sha512') };
    expect(await answerOf('/c', sha512)).toEqual([201, '201 Created']);
    swift.nowMs += 3_601_000;
    expect(await answerOf('/c', fields)).toEqual([401, 'FormPost: Form Expired']);
  });

  it("a container's key signs forms of that container only", async () => {
    await swift.put('/d');
    await swift.request('POST', '/c', { headers: { 'x-container-meta-temp-url-key': 'ckey' } });
    const signedBy = (path: string) => {
      const fields = fieldsFor(path);
      return { ...fields, signature: signatureOf(`/v1/AUTH_p1${path}`, fields, 'ckey') };
    };
    expect(await answerOf('/c', signedBy('/c'))).toEqual([201, '201 Created']);
    expect(await answerOf('/d', signedBy('/d'))).toEqual([401, 'FormPost: Invalid Signature']);
  });

  it('refuses too large and too many files, and keeps nothing of the large one', async () => {
    expect(await answerOf('/c', fieldsFor('/c'), { a: 'x', large: 'x'.repeat(101), never: 'x' })).toEqual([
      400,
      'FormPost: max_file_size exceeded',
    ]);
    expect(await answerOf('/c', fieldsFor('/c'), { f1: 'x', f2: 'x', f3: 'x' })).toEqual([
      400,
      '400 Bad Request\r\nFormPost: Max File Count Exceeded',
    ]);
    expect(await swift.text('/c')).toBe('a\nf1\nf2\n');
  });

  it('answers what an upload is answered', async () => {
    expect(await answerOf('/absent', fieldsFor('/absent'))).toEqual([404, '404 Not Found']);
    const long = `/c/${'x'.repeat(1024)}`;
    expect(await answerOf(long, fieldsFor(long))).toEqual([400, '400 Bad Request']);
  });

  it.each([
    ['max_file_count', 'max_file_count not an integer'],
    ['max_file_size', 'max_file_size not an integer'],
    ['expires', 'expired not an integer'],
    ['x_delete_at', 'x_delete_at not an integer: Unix timestamp required.'],
    ['x_delete_after', 'x_delete_after not an integer: Number of seconds required.'],
  ])('refuses a %s that is no number', async (name, message) => {
    const answer = await post('/c', { ...fieldsFor('/c'), [name]: 'many' });
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      400,
      'text/plain',
      `FormPost: ${message}`,
    ]);
  });

  const raw = (body: string, type = 'multipart/form-data; boundary="b"') =>
    fetch(`${swift.url}/v1/AUTH_p1/c`, { method: 'POST', body, headers: { 'content-type': type } });
  const fieldsText = (fields: Fields) =>
    Object.entries(fields)
      .map(([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
      .join('');
  const fileHead = '--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n';

  it('reads what browsers may send: empty lines first, parts without headers, an epilogue', async () => {
    const body = `\r\n\r\n${fieldsText(fieldsFor('/c'))}--b\r\n\r\nnameless\r\n${fileHead}a\r\n--\r\n--b--\r\nepilogue`;
    expect((await raw(body)).status).toBe(201);
    expect(await swift.text('/c/f')).toBe('a\r\n--');
  });

  it.each([
    ['another boundary', '--c\r\n\r\n', 'invalid starting boundary'],
    ['nothing', '', 'invalid starting boundary'],
    ['no line after the boundary', '--bb\r\n', 'invalid boundary'],
    ['headers without end', '--b\r\nContent-', 'the form ends without its boundary'],
    ['headers that are too long', `--b\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`, 'headers of a part are too long'],
    [
      'a field without end',
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
      'the form ends without its boundary',
    ],
    [
      'too many fields',
      fieldsText(Object.fromEntries([...Array(300).keys()].map((n) => [`f${n}`, 'x']))),
      'too many fields',
    ],
  ])('refuses a form with %s', async (_what, body, message) => {
    const answer = await raw(body);
    expect([answer.status, await answer.text()]).toEqual([400, `FormPost: ${message}`]);
  });

  it('keeps no file of a form that ends too early, nor of a client that goes away', async () => {
    const begun = `${fieldsText(fieldsFor('/c'))}${fileHead}half`;
    const answer = await raw(begun);
    expect([answer.status, await answer.text()]).toEqual([400, 'FormPost: the form ends without its boundary']);
    const client = new RawHttp(swift.port);
    client.send(
      `POST /v1/AUTH_p1/c HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000\r\n\r\n${begun}`,
    );
    client.destroy();
    expect(await swift.text('/c')).toBe('');
  });

  it('names a file in UTF-8 or, where it is none, by its bytes; and never with NUL', async () => {
    const form = (filename: Buffer) =>
      Buffer.concat([
        Buffer.from(`${fieldsText(fieldsFor('/c'))}--b\r\nContent-Disposition: form-data; name="f"; filename="`),
        filename,
        Buffer.from('"\r\n\r\nx\r\n--b--\r\n'),
      ]);
    const send = async (filename: Buffer) => {
      const headers = { 'content-type': 'multipart/form-data; boundary=b' };
      const answer = await fetch(`${swift.url}/v1/AUTH_p1/c`, { method: 'POST', body: form(filename), headers });
      return [answer.status, await answer.text()];
    };
    expect(await send(Buffer.from('ü\ufffd'))).toEqual([201, '201 Created']);
    expect(await send(Buffer.from([0x61, 0xff]))).toEqual([201, '201 Created']);
    expect(await send(Buffer.from('a\0b'))).toEqual([412, '412 Precondition Failed']);
    expect(await swift.text('/c')).toBe('aÿ\nü\ufffd\n');
  });

  it('is no form without a boundary', async () => {
    expect((await raw('x', 'multipart/form-data')).status).toBe(401);
  });
});
