import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../common/clock.ts';
import type { Service } from '../../../common/http/app.ts';
import { createLogger } from '../../../common/log.ts';
import { createObjectClient } from '../../../object-server/client.ts';
import { buildObjectServer } from '../../../object-server/service.ts';
import { get, makeObjectNode, newObject, type ObjectNode, put, refusalOf, TARGET } from '../../support/object-store.ts';

/** Resolves when a count has not changed for many turns of the event loop. */
async function quiet(count: () => number): Promise<void> {
  let last = count();
  for (let turns = 0; turns < 300; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (count() !== last) turns = 0;
    last = count();
  }
}

describe('an object server', () => {
  const clusterKey = 'the key';
  let node: ObjectNode;
  let service: Service;
  let port: number;
  const clients: ReturnType<typeof createObjectClient>[] = [];

  beforeEach(async () => {
    node = await makeObjectNode();
    service = buildObjectServer({ store: node.store, clusterKey, clock: systemClock, logger: createLogger('silent') });
    await service.app.listen({ host: '127.0.0.1', port: 0 });
    port = (service.app.server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    await service.app.close();
    await node.remove();
  });

  function client(key = clusterKey) {
    const made = createObjectClient({ ip: '127.0.0.1', port, clusterKey: key, clock: systemClock });
    clients.push(made);
    return made;
  }

  it('refuses every request without the key of the cluster, or with another', async () => {
    const url = `http://127.0.0.1:${port}/d1/12/a/c/o`;
    for (const method of ['GET', 'PUT', 'POST', 'DELETE'])
      expect((await fetch(url, { method })).status, method).toBe(401);
    expect((await fetch(`http://127.0.0.1:${port}/healthcheck`)).status).toBe(200);
    const stranger = client('another key');
    expect(await refusalOf(stranger.open(TARGET))).toMatchObject({ status: 403 });
    expect(await refusalOf(stranger.create(TARGET, newObject(1)))).toMatchObject({ status: 403 });
    expect(await refusalOf(stranger.remove(TARGET, { timestamp: '1700000000.00001' }))).toMatchObject({ status: 403 });
    expect((await node.files()).filter((path) => path.startsWith('slabs/'))).toEqual([]);
  });

  it('keeps nothing of an upload whose connection ends without a footer', async () => {
    const cut = client();
    const upload = await cut.create(TARGET, newObject(1));
    await upload.write(Buffer.alloc(3 << 20));
    await cut.close();
    const bodies = async () => (await node.files()).filter((path) => path.startsWith('large/'));
    await expect.poll(bodies).toEqual([]);
    expect(await refusalOf(upload.commit({ etag: '', sizeBytes: 3 << 20 }))).toMatchObject({
      code: 'DeviceUnavailable',
    });
    expect(await refusalOf(node.store.open(TARGET))).toMatchObject({ code: 'ObjectNotFound' });
  });

  it('does not take more of an upload than its disk does', async () => {
    const inner = await node.store.create(TARGET, newObject(1));
    await inner.abort();
    let letGo = () => {};
    const blocked = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slow = {
      ...node.store,
      create: async () => ({ ...inner, write: () => blocked, commit: async () => {}, abort: async () => {} }),
    };
    const slowService = buildObjectServer({
      store: slow,
      clusterKey,
      clock: systemClock,
      logger: createLogger('silent'),
    });
    await slowService.app.listen({ host: '127.0.0.1', port: 0 });
    const { port: slowPort } = slowService.app.server.address() as AddressInfo;
    const sender = createObjectClient({ ip: '127.0.0.1', port: slowPort, clusterKey, clock: systemClock });
    const upload = await sender.create(TARGET, newObject(1));
    let taken = 0;
    const chunk = Buffer.alloc(1 << 20);
    const sending = (async () => {
      for (let step = 0; step < 64; step += 1) {
        await upload.write(chunk);
        taken += 1;
      }
    })();
    await quiet(() => taken);
    expect(taken, 'MiB that fit into buffers on the way').toBeLessThan(32);
    letGo();
    await sending;
    await upload.commit({ etag: '', sizeBytes: 64 << 20 });
    await sender.close();
    await slowService.app.close();
  });

  it('uses a connection again after uploads, readings and readings that were not read', async () => {
    const sockets = new Set<unknown>();
    service.app.server.on('connection', (socket) => sockets.add(socket));
    const store = client();
    for (let round = 1; round <= 5; round += 1) {
      await put(store, TARGET, round, Buffer.alloc(100_000, round));
      expect((await get(store, TARGET))[0]).toBe(round);
      await (await store.open(TARGET)).close();
    }
    expect(sockets.size).toBeLessThanOrEqual(3);
  });

  it('that is not there is a device that is unavailable', async () => {
    const store = client();
    await service.app.close();
    expect(await refusalOf(store.open(TARGET))).toMatchObject({ code: 'DeviceUnavailable', status: 507 });
    expect(await refusalOf(store.create(TARGET, newObject(1)))).toMatchObject({ code: 'DeviceUnavailable' });
    expect(await refusalOf(store.remove(TARGET, { timestamp: '1700000000.00001' }))).toMatchObject({
      code: 'DeviceUnavailable',
    });
  });
});
