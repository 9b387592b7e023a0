import { afterEach, describe, expect, it } from 'vitest';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';

describe('/endpoints/', () => {
  let swift: FakeSwift;
  afterEach(() => swift.stop());

  const start = async (who: 'nobody' | 'reseller_admin' | 'everybody') => {
    swift = await FakeSwift.start({ config: { list_endpoints: who } });
    swift.identities.set('reseller', identity('p9', 'u9', ['ResellerAdmin']));
    await swift.put('/c');
  };
  const ask = async (path: string, token = '', method = 'GET') => {
    const headers: Record<string, string> = token === '' ? {} : { 'x-auth-token': token };
    const answer = await fetch(`${swift.url}/endpoints/${path}`, { method, headers });
    return { status: answer.status, text: await answer.text(), allow: answer.headers.get('allow') };
  };

  it('says where each replica belongs', async () => {
    await start('everybody');
    const { rings } = swift.services.cluster;
    const places = (ring: typeof rings.account, path: string, ...names: [string, string?, string?]) => {
      const partition = ring.partitionOf(...names);
      return ring
        .primaries(partition)
        .map(({ ip, port, device }) => `http://${ip}:${port}/${device}/${partition}/${path}`);
    };
    const account = places(rings.account, 'AUTH_p1', 'AUTH_p1');
    const container = places(rings.container, 'AUTH_p1/c', 'AUTH_p1', 'c');
    const object = places(rings.object(0), 'AUTH_p1/c/a/%C3%BC%20x', 'AUTH_p1', 'c', 'a/ü x');
    expect(object).toHaveLength(3);
    const v2 = (endpoints: string[], headers = {}) => ({ endpoints, headers });
    const cases: [string, unknown][] = [
      ['AUTH_p1', account],
      ['AUTH_p1/', account],
      ['v1/AUTH_p1/c', container],
      ['v1.0/AUTH_p1/c', container],
      ['AUTH_p1/c/a/%C3%BC%20x', object],
      ['v2/AUTH_p1', v2(account)],
      ['v2/AUTH_p1/c', v2(container)],
      ['v2/AUTH_p1/c/a/%C3%BC%20x?x=y', v2(object, { 'X-Backend-Storage-Policy-Index': '0' })],
      ['AUTH_p1/none/o', places(rings.object(0), 'AUTH_p1/none/o', 'AUTH_p1', 'none', 'o')],
      ['v_3/c', places(rings.container, 'v_3/c', 'v_3', 'c')],
    ];
    for (const [path, expected] of cases) expect(JSON.parse((await ask(path)).text), path).toEqual(expected);
  });

  it('refuses what names no account or an unknown version, and all but GET', async () => {
    await start('everybody');
    expect(await ask('v3/AUTH_p1')).toMatchObject({ status: 400, text: "Unsupported version 'v3'" });
    for (const path of ['', 'v1', 'v1/', 'v2//c', 'AUTH_p1//o'])
      expect(await ask(path), path).toMatchObject({ status: 400, text: 'No account specified' });
    expect(await ask('AUTH_p1/%FF')).toMatchObject({ status: 400 });
    expect(await ask('AUTH_p1/%00')).toMatchObject({ status: 412 });
    for (const method of ['HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'])
      expect(await ask('AUTH_p1', '', method)).toMatchObject({ status: 405, allow: 'GET' });
  });

  it('is told to reseller admins only, where so configured', async () => {
    await start('reseller_admin');
    expect((await ask('AUTH_p1')).status).toBe(401);
    expect((await ask('AUTH_p1', 'refused')).status).toBe(401);
    expect((await ask('AUTH_p1', 'member')).status).toBe(403);
    expect((await ask('AUTH_p1', 'reseller')).status).toBe(200);
  });

  it('is told to nobody unless configured', async () => {
    await start('nobody');
    for (const token of ['', 'reseller']) expect((await ask('AUTH_p1', token)).status).toBe(400);
  });
});
