import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContainerSyncer } from '../../../proxy/daemons/container-sync.ts';
import { syncAuthHeaders } from '../../../proxy/features/container-sync.ts';
import { bodyOf } from '../../../proxy/message.ts';
import { createPipelines } from '../../../proxy/pipeline.ts';
import { createSyncPeer, type SyncPeer } from '../../../proxy/sync/peer.ts';
import { parseRealms, resolveSyncTo, syncSignature } from '../../../proxy/sync/realms.ts';
import { ALL_OURS, NONE_OURS } from '../../support/swift-fakes/duties.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';

const REALMS = parseRealms(
  [
    '[DEFAULT]',
    'mtime_check_interval = 300',
    '',
    '# ours',
    '[Realm1]',
    'key = k1',
    'key2: k2',
    'cluster_Name1 = http://h:8/v1/',
  ].join('\n'),
  'f',
);

describe('a file of realms', () => {
  it('names realms and clusters without regard to case', () => {
    expect(REALMS).toEqual({ REALM1: { key: 'k1', key2: 'k2', clusters: { NAME1: 'http://h:8/v1/' } } });
  });

  it('is refused with the number of the line that is wrong, and never a key', () => {
    for (const [text, message] of [
      ['key = secret', /line 1/],
      ['[r]\nkey = secret\nnonsense', /line 3/],
      ['[r]\nkey = secret\ncluster_a = ftp://h/', /line 3: an endpoint/],
      ['[r]\ncluster_a = http://h/v1/', /'r' has no key/],
    ] as const) {
      expect(() => parseRealms(text, 'f')).toThrow(message);
      expect(() => parseRealms(text, 'f')).not.toThrow(/secret/);
    }
  });
});

describe('X-Container-Sync-To', () => {
  const resolve = (value: string) => resolveSyncTo(value, REALMS, ['allowed']);

  it('leads to an endpoint of a realm', () => {
    const realm = { name: 'REALM1', key: 'k1' };
    expect(resolve('//realm1/NAME1/AUTH_p/c%20d/')).toEqual({ origin: 'http://h:8', path: '/v1/AUTH_p/c%20d', realm });
  });

  it('leads by URL to allowed hosts only', () => {
    expect(resolve('http://allowed:81/v1/a/c')).toEqual({
      origin: 'http://allowed:81',
      path: '/v1/a/c',
      realm: undefined,
    });
    for (const url of [
      'http://other/v1/a/c',
      'http://allowed@other/v1/a/c',
      'http://other\\@allowed/v1/a/c',
      'https://169.254.169.254/v1/a/c',
    ])
      expect(resolve(url)).toHaveProperty('problem');
  });

  it('leads nowhere else, whatever its names hold', () => {
    for (const [value, problem] of [
      ['//realm1/name1/AUTH_p', /format/],
      ['//realm1/name1/../c', /format/],
      ['//realm1/name1/%2e%2E/c', /format/],
      ['//realm1/name1/a%2fb/c', /format/],
      ['//other/name1/a/c', /No realm key for 'other'/],
      ['//realm1/__proto__/a/c', /No cluster endpoint/],
      ['//__proto__/name1/a/c', /No realm key/],
      ['ftp://allowed/v1/a/c', /Invalid scheme 'ftp'/],
      ['http://allowed', /Path required/],
      ['http://allowed/v1/a/c?x', /queries/],
      ['http://allowed/v1/a', /format/],
      ['http://allowed/v1/../c', /format/],
    ] as const)
      expect(resolve(value), value).toEqual({ problem: expect.stringMatching(problem) });
  });
});

it("a signature is Swift's", () => {
  // Made by ContainerSyncRealms.get_sig of Swift 2.30.
  const subject = { method: 'PUT', path: '/v1/a/c/o', timestamp: '1387495000.12345', nonce: 'nonce' };
  expect(syncSignature(subject, 'realmkey', 'userkey')).toBe('955422a5797b9ebd40ed177ad109f6e0ed7dac5e');
});

describe('containers of two sides', () => {
  let swift: FakeSwift;
  let peer: SyncPeer;
  const clusters: Record<string, string> = {};
  const syncRealms = { REALM1: { key: 'k1', key2: 'k2', clusters } };
  const requests: string[] = [];

  beforeEach(async () => {
    swift = await FakeSwift.start({ deps: { syncRealms: () => syncRealms, isLocal: () => true } });
    clusters['NAME1'] = `${swift.url}/v1/`;
    const real = createSyncPeer();
    requests.length = 0;
    peer = {
      ask: (request) => {
        requests.push(`${request.method} ${request.path}`);
        return real.ask(request);
      },
      close: () => real.close(),
    };
  });

  afterEach(async () => {
    await peer.close();
    await swift.stop();
  });

  const syncerOf = (duty = ALL_OURS, intervalMs = 300_000) => {
    const { services } = swift;
    const { own: objects } = createPipelines(services);
    return new ContainerSyncer({
      ...services,
      duty,
      objects,
      peer,
      logger: pino({ level: 'silent' }),
      intervalMs,
      sliceMs: 60_000,
    });
  };
  const to = (container: string) => ({
    'x-container-sync-to': `//realm1/name1/AUTH_p1/${container}`,
    'x-container-sync-key': 'secret',
  });
  const pair = async () => {
    await swift.put('/a', '', to('b'));
    await swift.put('/b', '', to('a'));
  };
  const rows = async (path: string) => JSON.parse(await swift.text(`${path}?format=json`)) as Record<string, unknown>[];
  const signed = (method: string, path: string, timestamp: string, keys = { realm: 'k1', container: 'secret' }) =>
    syncAuthHeaders(
      { method, path: `/v1/AUTH_p1${path}`, timestamp },
      { name: 'REALM1', key: keys.realm },
      keys.container,
    );

  it('become the same, rows and timestamps too, and then ask no more', async () => {
    await pair();
    await swift.put('/a/one', '1', {
      'x-object-meta-colour': 'red',
      'content-type': 'text/one',
      'x-delete-at': '1999999999',
    });
    await swift.put('/b/dir/t%20wö', '2'.repeat(100_000));
    const syncer = syncerOf();
    expect(await syncer.round()).toMatchObject({ pushed: 2, failed: 0 });
    expect(await rows('/a')).toEqual(await rows('/b'));
    expect(await rows('/a')).toHaveLength(2);
    const copy = await swift.request('GET', '/b/one');
    expect(await copy.text()).toBe('1');
    expect(copy.headers.get('x-object-meta-colour')).toBe('red');
    expect(copy.headers.get('x-delete-at')).toBe('1999999999');
    await syncer.round();
    requests.length = 0;
    await syncer.round();
    expect(requests).toEqual([]);
  });

  it('have what was there before they were synchronized', async () => {
    await swift.put('/a');
    await swift.put('/a/old', 'x');
    await swift.put('/b', '', { 'x-container-sync-key': 'secret' });
    await swift.request('POST', '/a', { headers: to('b') });
    await syncerOf().round();
    expect(await swift.text('/b/old')).toBe('x');
  });

  it('have what was written while they were not, when they are again', async () => {
    await pair();
    const syncer = syncerOf();
    await syncer.round();
    await swift.request('POST', '/a', { headers: { 'x-remove-container-sync-to': 'x' } });
    await swift.put('/a/unseen', 'x');
    await syncer.round();
    expect(await rows('/b')).toEqual([]);
    await swift.request('POST', '/a', { headers: to('b') });
    await syncer.round();
    expect(await rows('/b')).toHaveLength(1);
  });

  it('follow POST and DELETE', async () => {
    await pair();
    const syncer = syncerOf();
    await swift.put('/a/o', 'x');
    await syncer.round();
    await swift.request('POST', '/a/o', { headers: { 'x-object-meta-colour': 'blue' } });
    await syncer.round();
    expect((await swift.request('HEAD', '/b/o')).headers.get('x-object-meta-colour')).toBe('blue');
    await swift.request('DELETE', '/b/o');
    await syncer.round();
    expect((await swift.request('GET', '/a/o')).status).toBe(404);
    expect(await rows('/a')).toEqual([]);
  });

  it('keep what is newer', async () => {
    await pair();
    await swift.put('/a/o', 'older');
    await swift.put('/b/o', 'newer');
    await syncerOf().round();
    expect(await swift.text('/a/o')).toBe('newer');
    expect(await swift.text('/b/o')).toBe('newer');
  });

  it('have manifests and links as they are, before what they lead to', async () => {
    await pair();
    await swift.put('/s');
    await swift.put('/s/1', 'one');
    const manifest = JSON.stringify([{ path: '/s/1' }]);
    await swift.put('/a/large?multipart-manifest=put', manifest);
    const etag = (await swift.request('HEAD', '/s/1')).headers.get('etag') ?? '';
    await swift.put('/a/link', '', { 'x-symlink-target': 's/1', 'x-symlink-target-etag': etag });
    expect(await syncerOf().round()).toMatchObject({ failed: 0 });
    expect(await swift.text('/b/large')).toBe('one');
    expect(await swift.text('/b/link')).toBe('one');
    const link = await swift.request('HEAD', '/b/link?symlink=get');
    expect(link.headers.get('x-symlink-target')).toBe('s/1');
    const [large] = await rows('/b');
    expect(large).toMatchObject({ name: 'large', bytes: 3, slo_etag: expect.any(String) });
    expect(await rows('/a')).toEqual(await rows('/b'));
  });

  it('wait for a side that fails, longer and longer, and lose nothing', async () => {
    await pair();
    await swift.request('POST', '/b', { headers: { 'x-container-sync-key': 'other' } });
    await swift.put('/a/o', 'x');
    const syncer = syncerOf();
    await syncer.round();
    expect(requests.filter((line) => line.includes('/b/'))).toHaveLength(1);
    await syncer.round();
    expect(requests.filter((line) => line.includes('/b/'))).toHaveLength(1);
    await swift.request('POST', '/b', { headers: { 'x-container-sync-key': 'secret' } });
    swift.nowMs += 300_001;
    await syncer.round();
    expect(await swift.text('/b/o')).toBe('x');
  });

  it('are left to the node whose they are', async () => {
    await pair();
    await swift.put('/a/o', 'x');
    await syncerOf(NONE_OURS).round();
    expect(requests).toEqual([]);
  });

  it('are told of in rounds, until the daemon stops', async () => {
    await pair();
    await swift.put('/a/o', 'x');
    const syncer = syncerOf(undefined, 1);
    syncer.start();
    await expect.poll(async () => (await swift.request('GET', '/b/o')).status).toBe(200);
    await syncer.stop();
  });

  it('are told of a write that fails after its note only when it is there', async () => {
    await pair();
    expect((await swift.put('/a/o', 'x', { etag: '0'.repeat(32) })).status).toBe(422);
    const syncer = syncerOf();
    await syncer.round();
    await swift.put('/a/o', 'y');
    await syncer.round();
    expect(await swift.text('/b/o')).toBe('y');
  });

  it('take signed requests with their timestamps, and no others', async () => {
    await pair();
    const at = '1700000000.12345';
    const put = (headers: Record<string, string>, path = '/a/o') =>
      swift.request('PUT', path, { token: '', headers, body: 'x' });
    expect((await put({ ...signed('PUT', '/a/o', at) })).status).toBe(201);
    expect((await swift.request('HEAD', '/a/o')).headers.get('x-timestamp')).toBe(at);
    expect((await put(signed('PUT', '/a/o', at, { realm: 'k2', container: 'secret' }))).status).toBe(202);
    for (const headers of [
      signed('DELETE', '/a/o', at),
      signed('PUT', '/a/other', at),
      { ...signed('PUT', '/a/o', at), 'x-timestamp': '1700000001.00000' },
      signed('PUT', '/a/o', at, { realm: 'no', container: 'secret' }),
      signed('PUT', '/a/o', at, { realm: 'k1', container: 'no' }),
      { 'x-container-sync-auth': 'REALM1 nonce', 'x-timestamp': at },
      { 'x-container-sync-auth': 'NONE nonce sig', 'x-timestamp': at },
      { 'x-container-sync-key': 'secret', 'x-timestamp': at },
    ])
      expect((await put(headers)).status).toBe(401);
    const refused = await put({ 'x-container-sync-auth': 'x' });
    expect(refused.headers.get('www-authenticate')).toMatch(/^SwiftContainerSync realm=/);
    expect(await refused.text()).toBe('X-Container-Sync-Auth header not valid; contact cluster operator for support.');
    const late = '1600000000.00000';
    expect((await swift.request('DELETE', '/a/o', { token: '', headers: signed('DELETE', '/a/o', late) })).status).toBe(
      409,
    );
    const ahead = '1999999999.00000';
    expect((await put(signed('PUT', '/a/o', ahead))).status).toBe(400);
    expect((await put(signed('PUT', '/a/o', 'soon'))).status).toBe(400);
  });

  it("ignore a client's own X-Timestamp", async () => {
    await swift.put('/a');
    await swift.put('/a/o', 'x', { 'x-timestamp': '1700000000.00000' });
    expect((await swift.request('HEAD', '/a/o')).headers.get('x-timestamp')).not.toBe('1700000000.00000');
  });

  it('are refused where they lead nowhere, or have versions', async () => {
    await swift.put('/a');
    const post = (value: string) => swift.request('POST', '/a', { headers: { 'x-container-sync-to': value } });
    const refused = await post('//other/name1/AUTH_p1/b');
    expect([refused.status, await refused.text()]).toEqual([400, "No realm key for 'other'"]);
    expect((await post('http://127.0.0.1/v1/AUTH_p1/b')).status).toBe(400);
    await swift.request('POST', '/a', { headers: { 'x-versions-enabled': 'true' } });
    expect((await post('//realm1/name1/AUTH_p1/b')).status).toBe(400);
    expect((await swift.request('HEAD', '/a')).headers.get('x-container-sync-to')).toBeNull();
  });

  it('are not synchronized without a key', async () => {
    await swift.put('/a', '', { 'x-container-sync-to': '//realm1/name1/AUTH_p1/b' });
    await swift.put('/a/o', 'x');
    await syncerOf().round();
    expect(requests).toEqual([]);
  });

  it('are looked at again a day later, for what was being written when it began', async () => {
    await pair();
    const syncer = syncerOf();
    await syncer.round();
    const { objects } = swift.services;
    const name = { account: 'AUTH_p1', container: 'a', object: 'o', policyIndex: 0 };
    const fields = { contentType: 'text/plain', fixedMetadata: {}, metadata: {}, expectedEtag: undefined };
    await objects.put({ name, ...fields, onlyIfAbsent: false, body: bodyOf(Buffer.from('x')), mostBytes: 9 });
    await syncer.round();
    expect(await rows('/b')).toEqual([]);
    swift.nowMs += 86_400_001;
    await syncer.round();
    expect(await rows('/b')).toHaveLength(1);
  });

  it('are told again of an object that was refused, and of the others meanwhile', async () => {
    await swift.put('/a');
    await swift.put('/a/1', 'x');
    await swift.put('/a/2', 'x');
    await pair();
    const { ask } = peer;
    let refuses = true;
    peer.ask = async (request) =>
      refuses && request.method === 'PUT' && request.path.endsWith('/1')
        ? { status: 413, timestamp: undefined }
        : ask(request);
    const syncer = syncerOf();
    expect(await syncer.round()).toMatchObject({ pushed: 1, failed: 1 });
    expect(await syncer.round()).toMatchObject({ failed: 1 });
    refuses = false;
    expect(await syncer.round()).toMatchObject({ pushed: 1, failed: 0 });
    expect(await rows('/b')).toHaveLength(2);
  });

  it('are left alone where nobody answers', async () => {
    await pair();
    await swift.put('/a/o', 'x');
    let asked = 0;
    peer.ask = async () => {
      asked += 1;
      throw new Error('no route');
    };
    const syncer = syncerOf();
    for (let round = 0; round < 3; round += 1) expect(await syncer.round()).toMatchObject({ pushed: 0 });
    expect(asked).toBe(1);
  });

  it('refuse a manifest that is none', async () => {
    await pair();
    const at = '1700000000.00000';
    for (const body of [
      'no JSON',
      '[]',
      '[{"name":"/c/o","bytes":-1,"hash":""}]',
      '[{"name":"o","bytes":1,"hash":""}]',
      '[1]',
    ]) {
      const headers = { ...signed('PUT', '/a/m', at), 'x-static-large-object': 'True' };
      expect((await swift.request('PUT', '/a/m', { token: '', headers, body })).status).toBe(400);
    }
  });

  it('stand in /info by their names only', async () => {
    const info = (await (await fetch(`${swift.url}/info`)).json()) as Record<string, unknown>;
    expect(info['container_sync']).toEqual({ realms: { REALM1: { clusters: { NAME1: {} } } } });
  });

  it('show and change keys to owners only', async () => {
    await pair();
    await swift.request('POST', '/a', { headers: { 'x-container-read': '.r:*,.rlistings' } });
    const seen = await swift.request('HEAD', '/a', { token: 'stranger' });
    expect([seen.status, seen.headers.get('x-container-sync-key')]).toEqual([204, null]);
  });
});

it('where it is allowed, a side that shows the key may write by URL', async () => {
  const container_sync = {
    current: '',
    allowed_hosts: ['127.0.0.1'],
    accept_keys: true,
    interval: 300,
    container_time: 60,
  };
  const swift = await FakeSwift.start({ config: { container_sync }, deps: { isLocal: () => true } });
  const peer = createSyncPeer();
  try {
    await swift.put('/b', '', { 'x-container-sync-key': 'secret' });
    const headers = { 'x-container-sync-to': `${swift.url}/v1/AUTH_p1/b`, 'x-container-sync-key': 'secret' };
    expect((await swift.put('/a', '', headers)).status).toBe(201);
    await swift.put('/a/o', 'x');
    const { services } = swift;
    const objects = createPipelines(services).own;
    const logger = pino({ level: 'silent' });
    const bounds = { intervalMs: 1000, sliceMs: 1000 };
    await new ContainerSyncer({ ...services, duty: ALL_OURS, objects, peer, logger, ...bounds }).round();
    expect(await swift.text('/b/o')).toBe('x');
  } finally {
    await peer.close();
    await swift.stop();
  }
});
