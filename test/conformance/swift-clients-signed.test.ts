import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { client } from '../support/openstack.ts';

const KEY = 'a key that only the owner knows';

/** Judge 2, the edge: URLs that the swift command signs, forms that a browser would send, pages without a token. */
describe('swift tempurl and curl', () => {
  let martlet: Martlet;
  let folder: string;
  let account: string;

  beforeAll(async () => {
    martlet = await Martlet.start({ args: ['--only', 'auth,proxy'] });
    folder = await mkdtemp(join(tmpdir(), 'martlet-signed-'));
    const { stdout } = await swift(['stat']);
    account = /Account: (AUTH_\w+)/.exec(stdout)?.[1] ?? '';
    await swift(['post', '-m', `Temp-URL-Key:${KEY}`]);
    await writeFile(join(folder, 'hello.txt'), 'hello\n');
    await swift(['upload', 'box', 'hello.txt']);
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const swift = (args: readonly string[]) => client(martlet, 'swift', args, 'demo', { cwd: folder });
  const curl = async (args: readonly string[]) => (await execa('curl', ['-s', ...args], { cwd: folder })).stdout;
  const signed = async (method: string, object: string, options: readonly string[] = []) => {
    const path = `/v1/${account}/box/${object}`;
    return martlet.url(8080, (await swift(['tempurl', method, '600', path, KEY, ...options])).stdout.trim());
  };

  it.each(['sha256', 'sha512'])('a URL signed with %s reads its object, as long as it says', async (digest) => {
    const url = await signed('GET', 'hello.txt', ['--digest', digest]);
    expect(await curl([url])).toBe('hello');
    expect(await curl(['-o', '/dev/null', '-w', '%{http_code}', url.replace('hello.txt?', 'other.txt?')])).toBe('401');
    const past = await signed('GET', 'hello.txt', ['--digest', digest, '--absolute']);
    expect(await curl(['-o', '/dev/null', '-w', '%{http_code}', past])).toBe('401');
  });

  it('a URL of a prefix, of an address range and with a date is understood', async () => {
    const options = ['--digest', 'sha256', '--prefix-based', '--iso8601', '--ip-range', '127.0.0.0/8'];
    const url = await signed('GET', 'he', options);
    expect(await curl([url.replace('/he?', '/hello.txt?')])).toBe('hello');
  });

  it('a URL signed for PUT uploads, and does nothing else', async () => {
    const url = await signed('PUT', 'put.txt', ['--digest', 'sha256']);
    expect(await curl(['-T', 'hello.txt', '-w', '%{http_code}', url])).toBe('201');
    expect(await curl(['-X', 'DELETE', '-o', '/dev/null', '-w', '%{http_code}', url])).toBe('401');
    expect((await swift(['download', 'box', 'put.txt', '-o', '-'])).stdout).toBe('hello');
  });

  it('a signed form uploads files as a browser sends them, byte for byte', async () => {
    const large = join(folder, 'large.bin');
    await writeFile(large, Buffer.alloc(3 << 20, 'not all the same '));
    const path = `/v1/${account}/box/form/`;
    const fields = ['http://example.com/done', String(4 << 20), '2', String(Math.floor(Date.now() / 1000) + 600)];
    const signature = createHmac('sha256', KEY)
      .update([path, ...fields].join('\n'))
      .digest('hex');
    const names = ['redirect', 'max_file_size', 'max_file_count', 'expires'];
    const form = names.flatMap((name, index) => ['-F', `${name}=${fields[index]}`]);
    const files = ['-F', 'one=@hello.txt;type=text/x-thing', '-F', 'two=@large.bin'];
    const said = ['-o', '/dev/null', '-w', '%{http_code} %{redirect_url}'];
    expect(await curl([...said, ...form, '-F', `signature=${signature}`, ...files, martlet.url(8080, path)])).toBe(
      '303 http://example.com/done?status=201&message=',
    );
    await swift(['download', 'box', 'form/large.bin', '-o', 'copy.bin']);
    expect((await readFile(join(folder, 'copy.bin'))).equals(await readFile(large))).toBe(true);
    expect((await swift(['stat', 'box', 'form/hello.txt'])).stdout).toMatch(/Content Type: text\/x-thing/);
  });

  it('a container is a web site to who has no token', async () => {
    await writeFile(join(folder, 'index.html'), '<p>home</p>\n');
    await swift(['upload', 'web', 'index.html', 'hello.txt']);
    await swift(['post', 'web', '-r', '.r:*,.rlistings', '-m', 'Web-Index:index.html', '-m', 'Web-Listings:true']);
    const site = martlet.url(8080, `/v1/${account}/web`);
    expect(await curl(['-L', site])).toBe('<p>home</p>');
    await swift(['post', 'web', '-m', 'Web-Index:']);
    expect(await curl(['-L', site])).toContain('<a href="hello.txt">hello.txt</a>');
  });
});
