import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeRing } from '../../support/swift-fakes/fake-ring.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { policiesOf } from '../../support/swift-fakes/policy-config.ts';

/** Of one, two and three replicas, and one that takes no new containers. */
const POLICIES = policiesOf(
  { index: 0, name: 'Single' },
  { index: 5, name: 'Double', aliases: ['Two-Copies', 'pair'] },
  { index: 7, name: 'Triple', default: true },
  { index: 9, name: 'Old' },
);
const REPLICAS: Readonly<Record<number, number>> = { 0: 1, 5: 2, 7: 3, 9: 3 };

describe('storage policies of containers', () => {
  let swift: FakeSwift;

  const startWith = (policies: typeof POLICIES, from?: FakeSwift) =>
    FakeSwift.start({
      straight: true,
      config: { policies },
      deps: {
        rings: {
          account: fakeRing(4, 3),
          container: fakeRing(4, 3),
          object: (index) => fakeRings[index] ?? fakeRing(4, 3),
        },
        ...(from
          ? {
              objectStoreAt: ({ device }) => at(from.objects, device),
              listingStoreAt: ({ device }) => at(from.listings, device),
            }
          : {}),
      },
    });
  const fakeRings = Object.fromEntries(Object.entries(REPLICAS).map(([index, count]) => [index, fakeRing(4, count)]));

  beforeEach(async () => {
    swift = await startWith(POLICIES);
  });

  afterEach(async () => {
    await swift.stop();
    for (const store of swift.objects.values()) expect([store.openUploads, store.openReadings]).toEqual([0, 0]);
  });

  const make = (container: string, policy?: string) =>
    swift.put(`/${container}`, '', policy === undefined ? {} : { 'x-storage-policy': policy });
  const policyOf = async (container: string) =>
    (await swift.request('HEAD', `/${container}`)).headers.get('x-storage-policy');
  /** Devices that hold an object, with the policy index under which they do. */
  const holders = (object: string) =>
    [...swift.objects.values()].flatMap((store) =>
      [...store.objects].flatMap(([key, { data }]) => {
        const [index, , , name] = JSON.parse(key) as [number, string, string, string];
        return data && name === object ? [index] : [];
      }),
    );
  /** Devices in whose listings an object is. */
  const listers = async (container: string, object: string) => {
    const ring = fakeRing(4, 3);
    const partition = ring.partitionOf('AUTH_p1', container);
    const query = { limit: 10, prefix: '', delimiter: '', marker: '', endMarker: '', reverse: false };
    const pages = ring.primaries(partition).map(async ({ device }) => {
      const target = { device, partition, account: 'AUTH_p1', container };
      const page = await at(swift.listings, device).listObjects(target, query);
      return page.chunks.some((chunk) => Buffer.from(chunk).includes(`"name":"${object}"`));
    });
    return (await Promise.all(pages)).filter(Boolean).length;
  };

  it('a container has the policy that it asks for, by any name in any case, else the default', async () => {
    for (const [container, asked, shown] of [
      ['a', 'single', 'Single'],
      ['b', 'DOUBLE', 'Double'],
      ['c', 'two-copies', 'Double'],
      ['d', 'Pair', 'Double'],
      ['e', undefined, 'Triple'],
      ['f', '', 'Triple'],
    ] as const) {
      expect((await make(container, asked)).status).toBe(201);
      expect(await policyOf(container)).toBe(shown);
    }
    const listing = await swift.request('GET', '/a');
    expect(listing.headers.get('x-storage-policy')).toBe('Single');
  });

  it('a policy that there is not, or that is deprecated, is refused', async () => {
    const unknown = await make('c', 'bronze');
    expect([unknown.status, await unknown.text()]).toEqual([400, "Invalid X-Storage-Policy 'bronze'"]);
    const later = await startWith(
      POLICIES.map((policy) => (policy.name === 'Old' ? { ...policy, deprecated: true } : policy)),
      swift,
    );
    try {
      expect((await make('old', 'Old')).status).toBe(201);
      const refused = await later.put('/new', '', { 'x-storage-policy': 'old' });
      expect([refused.status, await refused.text()]).toEqual([400, "Storage Policy 'Old' is deprecated"]);
      expect((await later.put('/old', '')).status).toBe(202);
      expect((await later.put('/old/o', 'still')).status).toBe(201);
      expect(await later.text('/old/o')).toBe('still');
    } finally {
      await later.stop();
    }
  });

  it('a container keeps its policy for life', async () => {
    await make('c', 'double');
    expect((await make('c')).status).toBe(202);
    expect((await make('c', 'pair')).status).toBe(202);
    expect((await make('c', 'single')).status).toBe(409);
    const post = await swift.request('POST', '/c', { headers: { 'x-storage-policy': 'single' } });
    expect(post.status).toBe(204);
    expect(await policyOf('c')).toBe('Double');
    expect((await swift.request('DELETE', '/c')).status).toBe(204);
    expect((await make('c', 'single')).status).toBe(201);
    expect(await policyOf('c')).toBe('Single');
  });

  it('objects lie on as many devices as their policy says, and in every listing', async () => {
    for (const [policy, index, count] of [
      ['single', 0, 1],
      ['double', 5, 2],
      ['triple', 7, 3],
    ] as const) {
      await make(policy, policy);
      // By the straight way, and by the pipeline.
      for (const [object, headers] of [
        [`${policy}-plain`, {}],
        [`${policy}-pipeline`, { 'if-none-match': '*' }],
      ] as const) {
        expect((await swift.put(`/${policy}/${object}`, 'x', headers)).status).toBe(201);
        expect(holders(object)).toEqual(new Array(count).fill(index));
        expect(await listers(policy, object)).toBe(3);
        expect(await swift.text(`/${policy}/${object}`)).toBe('x');
        const post = await swift.request('POST', `/${policy}/${object}`, { headers: { 'x-object-meta-a': '1' } });
        expect(post.status).toBe(202);
        expect((await swift.request('DELETE', `/${policy}/${object}`)).status).toBe(204);
        expect(await listers(policy, object)).toBe(0);
      }
    }
  });

  it('with one replica, a device that cannot is replaced by a handoff', async () => {
    await make('c', 'single');
    const ring = fakeRings[0];
    const [primary] = ring?.primaries(ring.partitionOf('AUTH_p1', 'c', 'o')) ?? [];
    at(swift.objects, primary?.device ?? '').faults.unavailable = 'DeviceUnavailable';
    expect((await swift.put('/c/o', 'x')).status).toBe(201);
    expect(holders('o')).toEqual([0]);
    expect(await listers('c', 'o')).toBe(3);
    expect(await swift.text('/c/o')).toBe('x');
  });

  it('copies go from one policy to another', async () => {
    await make('from', 'single');
    await make('to', 'triple');
    await swift.put('/from/o', 'text', { 'x-object-meta-a': '1' });
    const copied = await swift.request('COPY', '/from/o', { headers: { destination: 'to/copied' } });
    expect(copied.status).toBe(201);
    expect(holders('copied')).toEqual([7, 7, 7]);
    const got = await swift.request('GET', '/to/copied');
    expect([await got.text(), got.headers.get('x-object-meta-a')]).toEqual(['text', '1']);
  });

  it('an account shows what it has of each policy', async () => {
    await make('a', 'single');
    await make('b', 'double');
    await make('c', 'double');
    await swift.put('/b/o', '12345');
    const { headers } = await swift.request('HEAD', '');
    expect(headers.get('x-account-storage-policy-single-container-count')).toBe('1');
    expect(headers.get('x-account-storage-policy-double-container-count')).toBe('2');
    expect(headers.get('x-account-storage-policy-double-object-count')).not.toBeNull();
    expect(headers.get('x-account-storage-policy-double-bytes-used')).not.toBeNull();
    expect(headers.get('x-account-storage-policy-triple-container-count')).toBeNull();
  });

  it('/info names what new containers may have', async () => {
    const later = await startWith(
      POLICIES.map((policy) => (policy.name === 'Old' ? { ...policy, deprecated: true } : policy)),
      swift,
    );
    try {
      const info = (await (await fetch(`${later.url}/info`)).json()) as { swift: { policies: unknown } };
      expect(info.swift.policies).toEqual([
        { name: 'Single', aliases: 'Single' },
        { name: 'Double', aliases: 'Double, Two-Copies, pair' },
        { name: 'Triple', aliases: 'Triple', default: true },
      ]);
    } finally {
      await later.stop();
    }
  });

  it('a container of a policy that is not configured any more is 503, never an object of another', async () => {
    await make('c', 'double');
    await swift.put('/c/o', 'x');
    const without = await startWith(
      POLICIES.filter(({ index }) => index !== 5),
      swift,
    );
    try {
      for (const [method, body] of [
        ['GET', null],
        ['PUT', 'y'],
        ['DELETE', null],
      ] as const) {
        const response = await without.request(method, '/c/o', body === null ? {} : { body });
        expect([method, response.status, await response.text()]).toEqual([method, 503, 'Unknown Storage Policy']);
      }
      expect((await without.request('HEAD', '/c')).headers.get('x-storage-policy')).toBeNull();
    } finally {
      await without.stop();
    }
  });
});

function at<T>(map: ReadonlyMap<string, T>, key: string): T {
  const value = map.get(key);
  if (value === undefined) throw new Error(`no ${key}`);
  return value;
}
