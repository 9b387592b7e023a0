import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../common/clock.ts';
import { decodeError, nodeUnavailable } from '../common/cluster/backend-errors.ts';
import { formatBackendPath } from '../common/cluster/backend-path.ts';
import { signRequest } from '../common/cluster/signature.ts';
import { digestHeader } from '../common/cluster/signed-json.ts';
import type { AccountTarget, ContainerTarget, ListingPage, ListingStore, UpdateOutcome } from './contract.ts';

const CONNECT_TIMEOUT_MS = 3000;
const ANSWER_TIMEOUT_MS = 30_000;
const MOST_CONNECTIONS = 64;

export interface ContainerClientOptions {
  ip: string;
  port: number;
  clusterKey: string;
  clock: Clock;
}

/** The listings of another node. Spec: docs/formats/listing-backend.md */
export function createContainerClient(options: ContainerClientOptions): ListingStore & { close(): Promise<void> } {
  const { ip, port, clusterKey, clock } = options;
  const node = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
  const pool = new Pool(`http://${node}`, {
    connections: MOST_CONNECTIONS,
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });

  async function call(operation: string, target: Target, argument: unknown): Promise<Buffer> {
    const path = pathOf(target);
    const body = JSON.stringify(argument);
    const headers = {
      'content-type': 'application/json',
      'x-backend-operation': operation,
      ...digestHeader(body),
    };
    const authorization = signRequest({ method: 'POST', url: path, headers }, { clusterKey, clock });
    const request = { path, method: 'POST', headers: { ...headers, authorization }, body } as const;
    const answer = await exchange(pool, node, request);
    if (answer.statusCode !== 200) throw decodeError(answer.body.toString(), answer.statusCode);
    return answer.body;
  }

  async function ask<T>(operation: string, target: Target, argument: unknown): Promise<T> {
    return JSON.parse((await call(operation, target, argument)).toString()) as T;
  }

  async function page(operation: string, target: Target, query: unknown): Promise<ListingPage> {
    const chunk = await call(operation, target, query);
    return { chunks: chunk.length === 0 ? [] : [chunk] };
  }

  return {
    accountInfo: (target) => ask('accountInfo', target, null),
    updateAccount: (target, change) => ask('updateAccount', target, change),
    removeAccount: async (target, removal) => void (await call('removeAccount', target, removal)),
    listContainers: (target, query) => page('listContainers', target, query),
    applyContainerRows: async (target, rows) => void (await call('applyContainerRows', target, rows)),
    containerInfo: (target) => ask('containerInfo', target, null),
    createContainer: (target, creation) => ask('createContainer', target, creation),
    updateContainer: async (target, change) => void (await call('updateContainer', target, change)),
    removeContainer: async (target, removal) => void (await call('removeContainer', target, removal)),
    listObjects: (target, query) => page('listObjects', target, query),
    applyObjectRows: async (target, rows) => void (await call('applyObjectRows', target, rows)),
    applyObjectUpdates: (updates) => ask<UpdateOutcome[]>('applyObjectUpdates', 'node', updates),
    close: () => pool.destroy(),
  };
}

/** What the path names: nothing, for the node as a whole. */
type Target = 'node' | AccountTarget | ContainerTarget;

function pathOf(target: Target): string {
  if (target === 'node') return '/';
  const { device, partition, account } = target;
  return formatBackendPath(device, partition, ...('container' in target ? [account, target.container] : [account]));
}

async function exchange(
  pool: Pool,
  node: string,
  request: Dispatcher.RequestOptions,
): Promise<{ statusCode: number; body: Buffer }> {
  try {
    const { statusCode, body } = await pool.request(request);
    return { statusCode, body: Buffer.from(await body.arrayBuffer()) };
  } catch (cause) {
    throw nodeUnavailable(node, cause);
  }
}
