import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cnameLookup } from '../../../proxy/http/cname-lookup.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { RawHttp } from '../../support/swift-fakes/raw-http.ts';

const OFF = {
  storage_domains: [] as string[],
  path_root: 'v1',
  reseller_prefixes: ['AUTH'],
  default_reseller_prefix: '',
  mangle_client_paths: false,
  cname_lookup: false,
  cname_lookup_depth: 2,
  cname_nameservers: [],
};

/** What aliases there are; `fails`: the name server does not answer. */
function fakeResolver(aliases: Record<string, string>) {
  const asked: string[] = [];
  return {
    asked,
    async resolveCname(name: string): Promise<string[]> {
      asked.push(name);
      const alias = aliases[name];
      if (alias === undefined) throw Object.assign(new Error('none'), { code: 'ENODATA' });
      if (alias === 'fails') throw Object.assign(new Error('no answer'), { code: 'ETIMEOUT' });
      return [alias];
    },
  };
}

describe('hosts that name accounts and containers', () => {
  let swift: FakeSwift;
  const resolver = fakeResolver({
    'www.mine.org': 'c.auth-p1.example.com.',
    'far.mine.org': 'www.mine.org',
    'loop.mine.org': 'loop.mine.org',
    'a.mine.org': 'b.mine.org',
    'b.mine.org': 'c.mine.org',
    'c.mine.org': 'd.mine.org',
    'dead.mine.org': 'fails',
  });

  async function start(domainRemap: Partial<typeof OFF>) {
    const config = { domain_remap: { ...OFF, storage_domains: ['example.com', '.other.org'], ...domainRemap } };
    swift = await FakeSwift.start({ straight: true, config, deps: { cnames: resolver } });
    await swift.put('/c');
    await swift.put('/c/o', 'hello');
    await swift.put('/c/a%20b/1', 'one');
  }

  const ask = async (host: string, path: string, more = 'X-Auth-Token: member\r\n', method = 'GET') => {
    const raw = new RawHttp(swift.port);
    raw.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`);
    const answer = await raw.untilClosed();
    const [head = '', ...body] = answer.split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]), head, body: body.join('\r\n\r\n') };
  };
  const read = async (host: string, path: string) => {
    const { status, body } = await ask(host, path);
    return [status, body];
  };

  beforeEach(() => start({}));
  afterEach(() => swift.stop());

  it('a host that names a container and an account stands for them', async () => {
    for (const host of [
      'c.AUTH_p1.example.com',
      'c.auth-p1.example.com',
      'c.auth_p1.EXAMPLE.com:8080',
      'c.auth-p1.other.org',
    ])
      expect(await read(host, '/o'), host).toEqual([200, 'hello']);
    expect(await read('auth-p1.example.com', '/c/o')).toEqual([200, 'hello']);
    expect(await read('c.auth-p1.example.com', '/?prefix=a')).toEqual([200, 'a b/1\n']);
    expect(await read('c.auth-p1.example.com', '/a%20b/1')).toEqual([200, 'one']);
    expect((await ask('auth-p1.example.com', '/', undefined, 'HEAD')).status).toBe(204);
    expect(await read('c.auth-p1.example.com', '/v1/AUTH_p1/c/o')).toEqual([404, expect.anything()]);
  });

  it('other hosts are none', async () => {
    for (const host of ['127.0.0.1', 'example.com', 'c.other-p1.example.com', 'c.auth-p1.example.org'])
      expect(await read(host, '/v1/AUTH_p1/c/o'), host).toEqual([200, 'hello']);
    const { status, head, body } = await ask('x.c.auth-p1.example.com', '/o');
    expect([status, body]).toEqual([400, 'Bad domain in host header']);
    expect(head).toMatch(/Content-Type: text\/plain\r\n/);
    expect(head).toMatch(/X-Trans-Id: tx/);
  });

  it('only the health of the server is not asked of a container', async () => {
    expect(await read('c.auth-p1.example.com', '/healthcheck')).toEqual([200, 'OK']);
    expect((await read('c.auth-p1.example.com', '/info'))[0]).toBe(404);
    expect((await read('127.0.0.1', '/info'))[0]).toBe(200);
  });

  it('a path may be given whole, and accounts have a prefix, where it is configured', async () => {
    await swift.stop();
    await start({ mangle_client_paths: true, default_reseller_prefix: 'AUTH' });
    expect(await read('c.p1.example.com', '/v1/o')).toEqual([200, 'hello']);
    expect(await read('c.p1.example.com', '/o')).toEqual([200, 'hello']);
    expect((await read('c.p1.example.com', '/v1'))[0]).toBe(200);
    await swift.stop();
    await start({ reseller_prefixes: [] });
    expect(await read('c.AUTH_p1.example.com', '/o')).toEqual([200, 'hello']);
  });

  it('a redirect stays on the host and the path that the client knows', async () => {
    const headers = { 'x-container-read': '.r:*,.rlistings', 'x-container-meta-web-listings': 'true' };
    await swift.request('POST', '/c', { headers });
    const { status, head } = await ask('c.auth-p1.example.com', '/a%20b', '');
    expect(status).toBe(301);
    expect(head).toContain('Location: http://c.auth-p1.example.com/a%20b/\r\n');
  });

  describe('with aliases', () => {
    beforeEach(async () => {
      await swift.stop();
      await start({ cname_lookup: true });
      resolver.asked.length = 0;
    });

    it('an alias stands for what it is an alias of, and is asked about once in a while', async () => {
      expect(await read('www.mine.org:81', '/o')).toEqual([200, 'hello']);
      expect(await read('www.mine.org', '/o')).toEqual([200, 'hello']);
      expect(await read('far.mine.org', '/o')).toEqual([200, 'hello']);
      expect(resolver.asked).toEqual(['www.mine.org', 'far.mine.org']);
      swift.nowMs += 61_000;
      expect(await read('www.mine.org', '/o')).toEqual([200, 'hello']);
      expect(resolver.asked.length).toBe(3);
    });

    it('what is no alias of a storage domain is refused', async () => {
      const unresolved = [400, 'CNAME lookup failed to resolve to a valid domain'];
      for (const host of ['none.mine.org', 'none.mine.org', 'loop.mine.org', 'dead.mine.org', 'dead.mine.org'])
        expect(await read(host, '/o'), host).toEqual(unresolved);
      expect(await read('a.mine.org', '/o')).toEqual([400, 'CNAME lookup failed after 2 tries']);
      expect(resolver.asked.filter((name) => name === 'none.mine.org').length).toBe(1);
      expect(resolver.asked.filter((name) => name === 'dead.mine.org').length).toBe(2);
    });

    it('addresses, storage domains and health checks are not looked up', async () => {
      for (const host of ['127.0.0.1:80', '[::1]', 'example.com'])
        expect(await read(host, '/v1/AUTH_p1/c/o'), host).toEqual([200, 'hello']);
      expect(await read('none.mine.org', '/healthcheck')).toEqual([200, 'OK']);
      expect(resolver.asked).toEqual([]);
    });

    it('a redirect names the alias', async () => {
      await swift.request('POST', '/c', {
        headers: { 'x-container-read': '.r:*,.rlistings', 'x-container-meta-web-listings': 'true' },
      });
      expect((await ask('www.mine.org:81', '/a%20b', '')).head).toContain(
        'Location: http://www.mine.org:81/a%20b/\r\n',
      );
    });
  });
});

describe('alias lookups', () => {
  it('are bounded in number', async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let asked = 0;
    const find = cnameLookup(
      {
        async resolveCname() {
          asked += 1;
          await gate;
          return ['x.example.com'];
        },
      },
      { nowMs: () => 0 },
    );
    const found = Array.from({ length: 150 }, (_, index) => find(`n${index}`));
    open();
    const answers = await Promise.all(found);
    expect([asked, answers.filter((answer) => answer === undefined).length]).toEqual([100, 50]);
  });
});

describe('the cross-domain policy', () => {
  it('says what the operator says', async () => {
    const swift = await FakeSwift.start({
      config: { cross_domain_policy: '<allow-access-from domain="a.example.com" />' },
    });
    try {
      const answer = await fetch(`${swift.url}/crossdomain.xml`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/xml; charset=UTF-8']);
      expect(await answer.text()).toBe(
        '<?xml version="1.0"?>\n<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >\n' +
          '<cross-domain-policy>\n<allow-access-from domain="a.example.com" />\n</cross-domain-policy>',
      );
      expect((await fetch(`${swift.url}/crossdomain.xml`, { method: 'PUT', body: '' })).status).toBe(404);
    } finally {
      await swift.stop();
    }
  });
});
