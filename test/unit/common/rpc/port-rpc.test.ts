import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiError } from '../../../../common/errors.ts';
import { type RpcClient, rpcClient, serveRpc } from '../../../../common/rpc/port-rpc.ts';

const service = {
  add: async (left: number, right: number) => left + right,
  refuse: async (): Promise<void> => {
    throw new ApiError({ status: 404, code: 'VolumeNotFound', message: 'no volume v', details: { id: 'v' } });
  },
  fail: async (): Promise<void> => {
    throw Object.assign(new RangeError('disk on fire'), { code: 'EIO' });
  },
  giveFunction: async () => () => 1,
  hang: () => new Promise<void>(() => {}),
};

let client: RpcClient<typeof service>;
let channel: MessageChannel;

beforeEach(() => {
  channel = new MessageChannel();
  serveRpc(channel.port1, service);
  client = rpcClient<typeof service>(channel.port2);
});
afterEach(() => client.close());

test('a call answers with the result of the method', async () => {
  expect(await Promise.all([client.remote.add(1, 2), client.remote.add(3, 4)])).toEqual([3, 7]);
});

test('an ApiError arrives as an ApiError with status, code and details', async () => {
  const error = await client.remote.refuse().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 404, code: 'VolumeNotFound', message: 'no volume v', details: { id: 'v' } });
});

test('any other error arrives with its name, message and code', async () => {
  await expect(client.remote.fail()).rejects.toMatchObject({
    name: 'RangeError',
    message: 'disk on fire',
    code: 'EIO',
  });
});

test('a method that does not exist, or is inherited, is refused', async () => {
  const remote = client.remote as unknown as Record<string, () => Promise<unknown>>;
  await expect(remote['toString']?.()).rejects.toThrow('no method toString');
});

test('an argument that cannot be cloned rejects the call and leaks nothing', async () => {
  await expect(client.remote.add(1, (() => 2) as unknown as number)).rejects.toThrow(/could not be cloned/);
});

test('a result that cannot be cloned rejects the call', async () => {
  await expect(client.remote.giveFunction()).rejects.toThrow(/could not be cloned/);
});

test('a client with ten thousand calls in flight refuses the next', async () => {
  const waiting = Array.from({ length: 10_000 }, () => client.remote.hang());
  await expect(client.remote.hang()).rejects.toMatchObject({ code: 'RpcOverloaded' });
  client.close();
  const settled = await Promise.allSettled(waiting);
  expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
});

test('when the other end goes away, waiting and later calls are rejected', async () => {
  const waiting = client.remote.hang();
  channel.port1.close();
  await expect(waiting).rejects.toMatchObject({ code: 'RpcClosed' });
  await expect(client.remote.add(1, 1)).rejects.toMatchObject({ code: 'RpcClosed' });
});

test('a client can be awaited without calling the other end', async () => {
  const { remote } = client;
  expect(await remote).toBe(remote);
});
