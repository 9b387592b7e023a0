import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

describe.each([false, true])('static web sites (remembered: %s)', (straight) => {
  let swift: FakeSwift;

  beforeEach(async () => {
    swift = await FakeSwift.start({ straight });
    await swift.put('/c');
    await swift.request('POST', '/c', { headers: { 'x-container-read': '.r:*,.rlistings' } });
    await swift.put('/c/index.html', 'home', { 'content-type': 'text/html' });
    await swift.put('/c/sub/index.html', 'below', { 'content-type': 'text/html' });
    await swift.put(`/c/docs/${encodeURIComponent(`a'b<c>`)}`, 'x'.repeat(1536), { 'content-type': 'Text/Plain' });
    await swift.put('/c/docs/deep/x', 'x');
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect(store.openReadings).toBe(0);
  });

  const site = (settings: Record<string, string>) =>
    swift.request('POST', '/c', {
      headers: Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [`x-container-meta-web-${name}`, value]),
      ),
    });
  const visit = (path: string, headers: Record<string, string> = {}, method = 'GET', token = '') =>
    fetch(`${swift.url}/v1/AUTH_p1${path}`, {
      method,
      redirect: 'manual',
      headers: token === '' ? headers : { 'x-auth-token': token, ...headers },
    });
  const page = async (path: string, headers = {}) => {
    const answer = await visit(path, headers);
    return [answer.status, await answer.text()];
  };
  const sentTo = async (path: string) => {
    const answer = await visit(path);
    return [answer.status, answer.headers.get('location')];
  };

  it('a container that says nothing of being a site is a container', async () => {
    expect((await page('/c'))[1]).toContain('index.html\n');
    expect((await page('/c/'))[1]).toContain('index.html\n');
    expect(await page('/c/absent')).toEqual([404, expect.stringContaining('Not Found')]);
  });

  it('an index page stands for the container and for its folders', async () => {
    await site({ index: ' index.html ' });
    expect(await page('/c/')).toEqual([200, 'home']);
    expect(await page('/c/sub/')).toEqual([200, 'below']);
    expect(await page('/c/sub/index.html')).toEqual([200, 'below']);
    const head = await visit('/c/', {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), head.headers.get('content-type')]).toEqual([
      200,
      '4',
      'text/html',
    ]);
    expect((await visit('/c/', { range: 'bytes=1-2' })).status).toBe(206);
    expect((await visit('/c/', { 'if-none-match': '*' })).status).toBe(304);
    expect((await visit('/c/', { range: 'bytes=9-' })).status).toBe(416);
  });

  it('sends to the path with a slash where there is a folder', async () => {
    await site({ index: 'index.html', listings: 'true' });
    const base = `${swift.url}/v1/AUTH_p1`;
    expect(await sentTo('/c')).toEqual([301, `${base}/c/`]);
    expect(await sentTo('/c/sub')).toEqual([301, `${base}/c/sub/`]);
    expect(await sentTo('/c/docs')).toEqual([301, `${base}/c/docs/`]);
    await swift.put('/c/%C3%B6 x', '', { 'content-type': 'application/directory' });
    await swift.put('/c/%C3%B6 x/index.html', 'x');
    expect(await sentTo('/c/%C3%B6%20x')).toEqual([301, `${base}/c/%C3%B6%20x/`]);
    expect(await sentTo('/c/absent')).toEqual([404, null]);
  });

  it('names the host that the operator says', async () => {
    await swift.stop();
    swift = await FakeSwift.start({ straight, config: { staticweb: { url_base: 'https://web.example.com/' } } });
    await swift.put('/c', '', { 'x-container-read': '.r:*,.rlistings', 'x-container-meta-web-index': 'i' });
    expect(await sentTo('/c')).toEqual([301, 'https://web.example.com/v1/AUTH_p1/c/']);
  });

  it('lists a folder without an index page: folders first, then objects with size, date and type', async () => {
    await site({ listings: 'true' });
    const [status, text] = await page('/c/docs/');
    expect(status).toBe(200);
    expect(text).toContain('<title>Listing of /v1/AUTH_p1/c/docs/</title>');
    expect(text).toContain('<a href="../">../</a>');
    expect(text).toContain('<tr class="item subdir">\n    <td class="colname"><a href="deep/">deep/</a></td>');
    expect(text).toMatch(
      /<tr class="item type-text type-plain">\n\s+<td class="colname"><a href="a%27b%3Cc%3E">a&#x27;b&lt;c&gt;<\/a><\/td>\n\s+<td class="colsize">2Ki<\/td>\n\s+<td class="coldate">2026-11-21 00:00:0\d<\/td>/,
    );
    expect(String(text).indexOf('deep/')).toBeLessThan(String(text).indexOf('a%27b'));
    const [, top] = await page('/c/');
    expect(top).not.toContain('../');
    expect(top).toContain('<a href="docs/">docs/</a>');
    expect((await visit('/c/docs/')).headers.get('content-type')).toBe('text/html; charset=UTF-8');
    expect((await page('/c/none/'))[0]).toBe(404);
    expect(Number((await visit('/c/docs/', {}, 'HEAD')).headers.get('content-length'))).toBe(String(text).length);
  });

  it('a listing has the label and the style that the container names', async () => {
    await site({ listings: 'on', 'listings-label': 'my <site>', 'listings-css': 'css/a b.css' });
    const [, text] = await page('/c/docs/');
    expect(text).toContain('<h1 id="title">Listing of my &lt;site&gt;/docs/</h1>');
    expect(text).toContain('href="../css/a%20b.css"');
    await site({ 'listings-css': 'http://example.com/a.css' });
    expect((await page('/c/docs/deep/'))[1]).toContain('href="http://example.com/a.css"');
  });

  it('says so where listings are not shown', async () => {
    await site({ index: 'none.html' });
    const [status, text] = await page('/c/');
    expect(status).toBe(404);
    expect(text).toContain('Web Listing Disabled');
    expect(text).toContain('<b>none.html</b>');
    await site({ index: '', listings: 'no' });
    expect((await page('/c/docs/'))[1]).not.toContain('Index File Not Found');
  });

  it('shows its own pages for errors', async () => {
    await site({ index: 'none.html', error: 'error.html' });
    await swift.put('/c/404error.html', 'lost', { 'content-type': 'text/x-lost' });
    await swift.put('/c/401error.html', 'no entry');
    for (const path of ['/c/', '/c/absent', '/c/absent/']) expect(await page(path), path).toEqual([404, 'lost']);
    expect((await visit('/c/absent')).headers.get('content-type')).toBe('text/x-lost');
    await swift.request('POST', '/c', { headers: { 'x-container-read': '.r:*' } });
    expect(await page('/c/')).toEqual([401, 'no entry']);
    await swift.request('POST', '/c', { headers: { 'x-container-read': '.r:-*' } });
    expect((await page('/c/'))[1]).toContain('Unauthorized');
    expect((await visit('/c/x')).headers.get('www-authenticate')).toBe('Swift realm="AUTH_p1"');
  });

  it('needs the right to list for a folder, and the right to read for a page', async () => {
    await site({ index: 'index.html', listings: 'true' });
    await swift.request('POST', '/c', { headers: { 'x-container-read': '.r:*' } });
    expect((await page('/c/'))[0]).toBe(401);
    expect(await page('/c/sub/')).toEqual([200, 'below']);
    expect((await page('/c/docs/'))[0]).toBe(401);
    expect((await page('/c/docs'))[0]).toBe(404);
    await swift.request('POST', '/c', { headers: { 'x-container-read': 'p3:*' } });
    expect((await page('/c/index.html'))[0]).toBe(401);
  });

  it('objects of the directory type stand for folders', async () => {
    await site({ index: 'index.html', 'directory-type': 'text/folder' });
    await swift.put('/c/sub', '', { 'content-type': 'text/folder' });
    await swift.put('/c/sub2', '', { 'content-type': 'application/directory' });
    expect((await sentTo('/c/sub'))[0]).toBe(301);
    expect(await page('/c/sub2')).toEqual([200, '']);
    expect((await visit('/c/sub', {}, 'GET', 'member')).status).toBe(200);
    for (let turn = 0; turn < 2; turn += 1) expect((await sentTo('/c/sub'))[0]).toBe(301);
    await site({ index: '', listings: '' });
    expect(await page('/c/sub')).toEqual([200, '']);
  });

  it('who has a token sees the container, unless the site is asked for', async () => {
    await site({ index: 'index.html' });
    expect(await (await visit('/c/', {}, 'GET', 'member')).text()).toContain('docs/deep/x\n');
    const asked = { 'x-web-mode': 'true' };
    expect(await (await visit('/c/', asked, 'GET', 'member')).text()).toBe('home');
    await swift.put('/d');
    expect((await visit('/d/', asked, 'GET', 'member')).status).toBe(404);
    expect((await visit('/d/', asked)).status).toBe(401);
    expect((await visit('/absent/', asked)).status).toBe(401);
  });

  it('pages of a site go the straight way', async () => {
    await site({ index: 'index.html' });
    const openedNow = () => [...swift.objects.values()].reduce((sum, store) => sum + store.openedNow, 0);
    for (let turn = 0; turn < 2; turn += 1) expect(await page('/c/index.html')).toEqual([200, 'home']);
    expect(openedNow() > 0).toBe(straight);
  });

  it('writes and account requests are none of its business', async () => {
    await site({ index: 'index.html' });
    expect((await visit('/c/', {}, 'PUT')).status).toBe(401);
    expect((await visit('', {})).status).toBe(401);
  });
});
