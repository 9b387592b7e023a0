import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policiesOf } from '../../support/swift-fakes/policy-config.ts';
import { makeRing, SwiftInProcess } from '../../support/swift-in-process.ts';

const CONTAINERS = makeRing('container', 6201);
const OBJECTS = [1, 2, 3].map((replicas) => makeRing(`object-${replicas}`, 6200, replicas));

describe('storage policies of one, two and three replicas over real stores', () => {
  let swift: SwiftInProcess;

  beforeAll(async () => {
    swift = await SwiftInProcess.start({
      config: {
        policies: policiesOf({ index: 0, name: 'one' }, { index: 1, name: 'two' }, { index: 2, name: 'three' }),
      },
      deps: {
        rings: {
          account: makeRing('account', 6202),
          container: CONTAINERS,
          object: (index) => OBJECTS[index] ?? makeRing('none', 6200),
        },
      },
    });
  });

  afterAll(() => swift.stop());

  const request = (method: string, path: string, init: RequestInit = {}) =>
    fetch(swift.storageUrl + path, { method, ...init, headers: { 'x-auth-token': 'member', ...init.headers } });

  /** What each replica of a container's listing says. */
  const replicasOf = (container: string) => {
    const account = 'AUTH_p1';
    const partition = CONTAINERS.partitionOf(account, container);
    return Promise.all(
      CONTAINERS.primaries(partition).map(({ device }) =>
        swift.listings.containerInfo({ device, partition, account, container }),
      ),
    );
  };

  it.each(['one', 'two', 'three'])(
    'policy %s stores small and large objects, and all listings have them',
    async (policy) => {
      expect((await request('PUT', `/${policy}`, { headers: { 'x-storage-policy': policy } })).status).toBe(201);
      const large = Buffer.alloc(200_000, policy);
      expect((await request('PUT', `/${policy}/small`, { body: 'small' })).status).toBe(201);
      expect((await request('PUT', `/${policy}/large`, { body: large })).status).toBe(201);
      expect(await (await request('GET', `/${policy}/small`)).text()).toBe('small');
      expect(Buffer.from(await (await request('GET', `/${policy}/large`)).arrayBuffer()).equals(large)).toBe(true);
      for (const { objectCount, bytesUsed } of await replicasOf(policy))
        expect([objectCount, bytesUsed]).toEqual([2, large.length + 5]);
      expect((await request('DELETE', `/${policy}/small`)).status).toBe(204);
      for (const { objectCount } of await replicasOf(policy)) expect(objectCount).toBe(1);
    },
  );

  it('copies go from each policy to each', async () => {
    for (const from of ['one', 'two', 'three'])
      for (const to of ['one', 'two', 'three']) {
        const headers = { destination: `${to}/from-${from}` };
        expect((await request('COPY', `/${from}/large`, { headers })).status).toBe(201);
        const got = await request('GET', `/${to}/from-${from}`);
        expect(Buffer.from(await got.arrayBuffer()).equals(Buffer.alloc(200_000, from))).toBe(true);
      }
  });

  it('an account shows what it has of each', async () => {
    const shown = async () => {
      const { headers } = await request('HEAD', '');
      const names = ['one', 'two', 'three'].flatMap((policy) =>
        ['container-count', 'object-count', 'bytes-used'].map((what) => `x-account-storage-policy-${policy}-${what}`),
      );
      return names.map((name) => headers.get(name));
    };
    const each = ['1', '4', '800000'];
    await expect.poll(shown).toEqual([...each, ...each, ...each]);
  });
});
