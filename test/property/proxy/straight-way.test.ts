import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeSwift, identity } from '../../support/swift-fakes/fake-swift.ts';
import { dialogue, type RawAnswer, type RawRequest } from '../../support/swift-fakes/http-dialogue.ts';

const NOW_MS = Date.parse('2026-11-21T00:00:00.250Z');

/** Containers of one run are named apart from those of all others: `C` stands for the run in paths and headers. */
const CONTAINERS: readonly [name: string, headers: Record<string, string>][] = [
  ['C', {}],
  ['C-public', { 'x-container-read': '.r:*,.rlistings' }],
  ['C-pages', { 'x-container-read': '.r:.example.com' }],
  ['C-shared', { 'x-container-read': 'p2:u3', 'x-container-write': 'p2:u3' }],
  ['C-named', { 'x-container-read': 'name-of-p2:name-of-u3' }],
];
const OBJECTS = ['a', 'b', 'café', 'a b', 'x//y'];

const latin1 = (text: string) => Buffer.from(text).toString('latin1');

const path = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(...CONTAINERS.map(([name]) => name)), fc.constantFrom('a', 'b'))
      .map(([c, o]) => `/v1/AUTH_p1/${c}/${o}`),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '/v1/AUTH_p1/C/caf%C3%A9',
      `/v1/AUTH_p1/C/${latin1('caf\u00e9')}`,
      '/v1/AUTH_p1/C/caf%e9',
      '/v1/AUTH_p1/C/a%20b',
      '/v1/AUTH_p1/C/a%2',
      '/v1/AUTH_p1/C/a%00',
      '/v1/AUTH_p1/C/x//y',
      '/v1/AUTH_p1/C//x',
      '/v1/AUTH_p1//a',
      '/v1/AUTH_p1/C/',
      '/v1/AUTH_p1/C',
      '/v1/AUTH_p1/C/a?x=1',
      '/v1/AUTH_p1/C/a?multipart-manifest=get',
      '/v1/AUTH_p1/C/manifest',
      '/v1/AUTH_p1/C/photo.jpg',
      '/v1/AUTH_p1/C-nowhere/a',
      '/v1/AUTH_p2/C/a',
      '/v1/OTHER_p1/C/a',
      '/v1.0/AUTH_p1/C/a',
      '/v2/AUTH_p1/C/a',
      'http://x/v1/AUTH_p1/C/a',
      `/v1/AUTH_p1/C/${'n'.repeat(1025)}`,
    ),
  },
);

const token = fc.oneof(
  { weight: 6, arbitrary: fc.constant('X-Auth-Token: member') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      'X-Auth-Token:',
      'X-Auth-Token: unknown',
      'X-Auth-Token: reader',
      'X-Auth-Token: stranger',
      'X-Auth-Token: ruled',
      'X-Auth-Token: key',
      'x-storage-token: member',
      'X-Auth-Token: member\r\nX-Auth-Token: member',
    ),
  },
);

const ETAG = '5d41402abc4b2a76b9719d911017c592'; // of hello
const reading = fc.constantFrom(
  'Range: bytes=1-3',
  'Range: bytes=-2',
  'Range: bytes=2-',
  'Range: bytes=99-',
  'Range: bytes=0-0,2-3',
  'Range: octets=1-2',
  `If-Range: "${ETAG}"`,
  `If-Match: "${ETAG}"`,
  'If-Match: *',
  'If-Match: "other"',
  `If-None-Match: "other", ${ETAG}`,
  'If-None-Match: *',
  'If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT',
  'If-Modified-Since: Sat, 21 Nov 2037 00:00:00 GMT',
  'If-Unmodified-Since: Sat, 21 Nov 2016 00:00:00 GMT',
  'If-Unmodified-Since: yesterday',
  'X-Newest: true',
);
const storing = fc.constantFrom(
  `ETag: ${ETAG}`,
  `ETag: "${ETAG.toUpperCase()}"`,
  'ETag: 00000000000000000000000000000000',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Type:',
  `Content-Type: ${latin1('text/\u00e9')}`,
  'X-Detect-Content-Type: yes',
  'X-Object-Meta-Color: red',
  'X-Object-Meta-Two_Words: yes',
  `X-Object-Meta-Name: ${latin1('V\u00f6gel')}`,
  'X-Object-Meta-Name: \xff',
  'X-Object-Meta-Flag:',
  'X-Object-Meta-: nothing',
  `X-Object-Meta-Long: ${'v'.repeat(257)}`,
  'X-Object-Meta-A: 1\r\nX-Object-Meta-A: 2',
  'Content-Encoding: gzip',
  'Cache-Control: no-store',
  'X-Delete-At: @+6',
  'X-Delete-At: 1000000000',
  'X-Delete-At: never',
  'X-Delete-After: 1',
  'X-Object-Manifest: C/a',
  'X-Object-Manifest: nonsense',
  'X-Copy-From: /C/a',
  'X-Static-Large-Object: true',
  'X-Object-Sysmeta-Secret: 1',
  'X-Backend-Storage-Policy-Index: 7',
  'If-None-Match: *',
  `If-None-Match: ${ETAG}`,
);
const common = fc.constantFrom(
  'X-Trans-Id-Extra: mine',
  `X-Trans-Id-Extra: ${latin1(`${'e'.repeat(31)}\u{1f426}`)}`,
  'Connection: close',
  'User-Agent: someone',
  'Accept-Encoding: gzip',
  'Referer: http://www.example.com/page',
  `Referer: ${latin1('http://www.ex\u00e4mple.com/')}`,
  'X-Timestamp: 1.0',
  'Origin: http://example.com',
  'Authorization: AWS a:b',
  'X-Unheard-Of: 1',
);

interface Body {
  lines: readonly string[];
  body: string;
}

const sent = (text: string): Body => ({ lines: [`Content-Length: ${text.length}`], body: text });
const body = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('', 'hello', 'hello, world').map(sent) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Body>(
      { lines: ['Transfer-Encoding: chunked'], body: '5\r\nhello\r\n0\r\n\r\n' },
      { lines: [], body: '' },
      { lines: ['Content-Length: 5', 'Expect: 100-continue'], body: 'hello' },
      { lines: ['Content-Length: 0005'], body: 'hello' },
      { lines: ['Transfer-Encoding: gzip, chunked'], body: '5\r\nhello\r\n0\r\n\r\n' },
      sent('x'.repeat(65_536)),
      sent('x'.repeat(65_537)),
    ),
  },
);

/**
 * Requests that may run at the same time, as pipelined ones do, and leave the same whatever their order: each of another object, none
 * that waits or hangs up.
 */
function independent(requests: readonly RawRequest[]): RawRequest[] {
  const paths = new Set<string>();
  return requests.filter(({ head, body }) => {
    const [, path = ''] = /^(?:GET|HEAD|PUT|DELETE) (\/v1\/AUTH_p1\/C[^/]*\/[ab]) /.exec(head) ?? [];
    if (path === '' || paths.has(path) || body.length > 100 || /^(expect|connection|x-copy-from):/im.test(head))
      return false;
    paths.add(path);
    return true;
  });
}

function request(methods: readonly string[], extra: fc.Arbitrary<string>, bodies: fc.Arbitrary<Body>) {
  return fc
    .record({
      method: fc.constantFrom(...methods),
      path,
      token,
      lines: fc.array(fc.oneof(extra, extra, common), { maxLength: 3 }),
      body: bodies,
    })
    .map((each): RawRequest => {
      const lines = ['Host: x', each.token, ...each.lines, ...each.body.lines].filter((line) => line !== '');
      const head = `${each.method} ${each.path} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
      return { method: each.method, head, body: each.body.body };
    });
}

const none: fc.Arbitrary<Body> = fc.constantFrom({ lines: [], body: '' }, sent(''));
const requests = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: request(['GET', 'HEAD'], reading, none) },
    { weight: 5, arbitrary: request(['PUT'], storing, body) },
    { weight: 2, arbitrary: request(['DELETE'], common, none) },
    { weight: 1, arbitrary: request(['POST', 'GET', 'DELETE', 'COPY', 'OPTIONS'], storing, body) },
  ),
  { minLength: 3, maxLength: 12 },
);

describe('the straight way', () => {
  let straight: FakeSwift;
  let pipeline: FakeSwift;
  let run = 0;

  beforeAll(async () => {
    straight = await FakeSwift.start({ straight: true });
    pipeline = await FakeSwift.start();
    for (const { identities } of [straight, pipeline]) {
      const member = identity('p1', 'u1', ['member']);
      const accessRules = [{ service: 'object-store', method: 'GET', path: '/v1/AUTH_p1/*/a' }];
      const delegation = { id: 'x', unrestricted: false };
      identities.set('ruled', {
        ...member,
        delegation: { ...delegation, kind: 'application_credential', accessRules },
      });
      identities.set('key', { ...member, delegation: { ...delegation, kind: 'ec2' } });
    }
  });

  afterAll(async () => {
    for (const swift of [straight, pipeline]) {
      for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
      await swift.stop();
    }
  });

  const both = <T>(work: (swift: FakeSwift) => Promise<T>) => Promise.all([work(straight), work(pipeline)]);

  /** Each reading of a clock moves it by a hundredth of a millisecond: both are set again before each request. */
  function setClock(swift: FakeSwift, requestIndex: number): void {
    swift.nowMs = NOW_MS + 10_000 * run + 700 * requestIndex;
  }

  async function makeContainers(swift: FakeSwift): Promise<void> {
    setClock(swift, -1);
    for (const [name, headers] of CONTAINERS) await swift.put(`/${name.replace('C', `c${run}`)}`, '', headers);
    for (const object of OBJECTS)
      await swift.put(`/c${run}/${encodeURIComponent(object)}`, 'hello', { 'content-type': 'a/b' });
    for (const name of ['public', 'pages', 'shared', 'named']) await swift.put(`/c${run}-${name}/a`, 'hello');
    const deleteAt = String(Math.floor(swift.nowMs / 1000) + 1);
    await swift.put(`/c${run}/brief`, 'hello', { 'x-delete-at': deleteAt });
    await swift.put(`/c${run}/manifest`, '', { 'x-object-manifest': `c${run}/a` });
  }

  it('answers what the pipeline answers, whatever is asked', async () => {
    await fc.assert(
      fc.asyncProperty(requests, fc.boolean(), async (asked, pipelined) => {
        run += 1;
        await both(makeContainers);
        const said = (pipelined ? independent(asked) : asked).map((each) => ({ ...each, head: ofRun(each.head) }));
        const [here, there] = await both((swift) =>
          dialogue(swift.port, said, pipelined, (index) => setClock(swift, pipelined ? 0 : index)),
        );
        expect(comparable(here.answers)).toEqual(comparable(there.answers));
        expect(here.closed).toBe(there.closed);
        expect(storedIn(straight)).toEqual(storedIn(pipeline));
      }),
      { numRuns: 60 },
    );
    // Of the requests above, many were plain.
    const stores = [...straight.objects.values()];
    expect(stores.reduce((sum, { openedNow }) => sum + openedNow, 0)).toBeGreaterThan(20);
    expect(stores.reduce((sum, { wholePuts }) => sum + wholePuts, 0)).toBeGreaterThan(30);
  }, 60_000);

  function ofRun(head: string): string {
    const seconds = Math.floor((NOW_MS + 10_000 * run) / 1000);
    return head
      .replaceAll('/C', `/c${run}`)
      .replaceAll(': C/', `: c${run}/`)
      .replaceAll('@+6', String(seconds + 6));
  }

  /** What is on the devices, without the times' last digits. */
  function storedIn(swift: FakeSwift) {
    return [...swift.objects].map(([device, { objects }]) => [
      device,
      [...objects]
        .filter(([key]) => key.includes(`c${run}`))
        .map(([key, { data, change, contentType, deleted }]) => [
          key,
          [data?.etag, data?.bytes.length, data?.fixedMetadata, data?.version.metadata, data?.timestamp.slice(0, 10)],
          [change?.metadata, contentType.value, deleted.slice(0, 10)],
        ])
        .sort(),
    ]);
  }
});

/** Answers without what no two have in common: transaction ids, dates, the last digits of times. */
function comparable(answers: readonly RawAnswer[]): unknown[] {
  return answers.map(({ status, lines, body }) => {
    const ids = lines
      .filter((line) => /^x-(trans|openstack-request)-id:/i.test(line))
      .map((line) => line.split(': ')[1]);
    expect(new Set(ids).size).toBeLessThanOrEqual(1);
    return {
      status,
      body: body.replaceAll(/^--[0-9a-f]{32}/gm, '--boundary').replaceAll(/tx[0-9a-f]{21}-[0-9a-f]{10}/g, 'tx'),
      lines: lines.map((line) =>
        line
          .replace(/tx[0-9a-f]{21}-[0-9a-f]{10}/, 'tx')
          .replace(/^Date: .*/, 'Date')
          .replace(/^(X-Timestamp: \d{10}).*/, '$1')
          .replace(/boundary=[0-9a-f]+/, 'boundary'),
      ),
    };
  });
}
