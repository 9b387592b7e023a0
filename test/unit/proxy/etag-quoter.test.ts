import { afterEach, describe, expect, it } from 'vitest';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const ETAG = '5d41402abc4b2a76b9719d911017c592';
const QUOTED = `"${ETAG}"`;

describe.each([false, true])('quoted ETags (straight way: %s)', (straight) => {
  let swift: FakeSwift;
  afterEach(() => swift.stop());

  const start = async (enabled: boolean, byDefault = false) => {
    swift = await FakeSwift.start({ straight, config: { etag_quoter: { enabled, enable_by_default: byDefault } } });
    await swift.put('/c');
    await swift.put('/c/o', 'hello');
  };
  const set = async (path: string, headers: Record<string, string>) =>
    expect((await swift.request('POST', path, { headers })).status).toBe(204);
  /** Of the object, whatever asks; more than once, for what is remembered by then. */
  const etag = async () => {
    const seen = new Set<string | null>();
    for (let turn = 0; turn < 2; turn += 1) {
      for (const method of ['GET', 'HEAD']) seen.add((await swift.request(method, '/c/o')).headers.get('etag'));
      seen.add((await swift.put('/c/o', 'hello')).headers.get('etag'));
      const unchanged = await swift.request('GET', '/c/o', { headers: { 'if-none-match': ETAG } });
      expect(unchanged.status).toBe(304);
      seen.add(unchanged.headers.get('etag'));
    }
    expect(seen.size).toBe(1);
    return [...seen][0];
  };

  it('are given where the container wants them, or else the account', async () => {
    await start(true);
    expect(await etag()).toBe(ETAG);
    await set('', { 'x-account-rfc-compliant-etags': 'yes' });
    expect((await swift.request('HEAD', '')).headers.get('x-account-rfc-compliant-etags')).toBe('True');
    expect(await etag()).toBe(QUOTED);
    await set('/c', { 'x-container-rfc-compliant-etags': 'no' });
    expect((await swift.request('HEAD', '/c')).headers.get('x-container-rfc-compliant-etags')).toBe('False');
    expect(await etag()).toBe(ETAG);
    await set('/c', { 'x-container-rfc-compliant-etags': 'true' });
    await set('', { 'x-remove-account-rfc-compliant-etags': 'x' });
    expect((await swift.request('HEAD', '')).headers.get('x-account-rfc-compliant-etags')).toBeNull();
    expect(await etag()).toBe(QUOTED);
    await set('/c', { 'x-container-rfc-compliant-etags': '' });
    expect(await etag()).toBe(ETAG);
  });

  it('are given everywhere but where they are not wanted, if the operator says so', async () => {
    await start(true, true);
    expect(await etag()).toBe(QUOTED);
    await set('', { 'x-account-rfc-compliant-etags': 'false' });
    expect(await etag()).toBe(ETAG);
    const info = (await (await fetch(`${swift.url}/info`)).json()) as Record<string, unknown>;
    expect(info['etag_quoter']).toEqual({ enable_by_default: true });
  });

  it('leave listings and what is quoted already as they are', async () => {
    await start(true, true);
    const rows = JSON.parse(await swift.text('/c?format=json')) as { hash: string }[];
    expect(rows.map(({ hash }) => hash)).toEqual([ETAG]);
    const manifest = JSON.stringify([{ path: '/c/o', etag: ETAG, size_bytes: 5 }]);
    await swift.put('/c/slo?multipart-manifest=put', manifest);
    expect((await swift.request('HEAD', '/c/slo')).headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    expect((await swift.request('GET', '/c/none')).status).toBe(404);
    expect((await swift.request('GET', '/none/o')).status).toBe(404);
  });

  it('are nothing that clients can ask for unless configured', async () => {
    await start(false);
    await set('/c', { 'x-container-rfc-compliant-etags': 'yes' });
    expect((await swift.request('HEAD', '/c')).headers.get('x-container-rfc-compliant-etags')).toBeNull();
    expect(await etag()).toBe(ETAG);
    expect(await (await fetch(`${swift.url}/info`)).json()).not.toHaveProperty('etag_quoter');
  });
});
