import { ApiError } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import { parseTimestamp, type Timestamp } from '../../common/timestamp.ts';
import type { Cluster } from '../backend/cluster.ts';
import { syncAuthHeaders } from '../features/container-sync.ts';
import { percentEncode } from '../features/percent-encoding.ts';
import { newTransactionId } from '../http/transaction-id.ts';
import { type Handler, type Headers, NO_BODY, type ProxyResponse, type ResourcePath } from '../message.ts';
import { KEPT_HEADERS } from '../routes/object-headers.ts';
import type { PeerAnswer, PeerRequest, SyncPeer } from './peer.ts';
import type { SyncTarget } from './realms.ts';

export interface PushTarget extends SyncTarget {
  /** `X-Container-Sync-Key`, the same on both sides. Never logged. */
  readonly containerKey: string;
}

export interface PushDeps {
  cluster: Cluster;
  objects: Handler;
  peer: SyncPeer;
  logger: Logger;
}

type ObjectPath = Required<ResourcePath>;

/** Nobody answers there, or nothing that is asked is allowed: the rest of the container need not be tried. */
export class PeerDown extends Error {}

/** What of an object goes along, beside its user metadata. */
const CARRIED: ReadonlySet<string> = new Set([
  ...KEPT_HEADERS,
  'content-type',
  'x-delete-at',
  'x-static-large-object',
  'x-symlink-target',
  'x-symlink-target-account',
  'x-symlink-target-etag',
  'x-symlink-target-bytes',
]);

/**
 * Sends an object with its own timestamp, unless the other side has that version or a later one.
 *
 * @returns 'gone' where it is not there any more.
 * @throws PeerDown, or an Error that says what was answered.
 */
export async function pushObject(
  deps: PushDeps,
  target: PushTarget,
  path: ObjectPath,
  timestamp: Timestamp,
): Promise<'pushed' | 'known' | 'gone'> {
  const head = await ask(deps.peer, target, path, { method: 'HEAD', timestamp });
  const there = head.status < 300 ? parseTimestamp(head.timestamp ?? '') : undefined;
  if (head.status >= 300 && head.status !== 404) throw new Error(`HEAD was answered with ${head.status}`);
  if (there !== undefined && there >= timestamp) return 'known';
  const source = await readSource(deps, path);
  if (!source) return 'gone';
  const { headers, body } = source;
  try {
    const sizeBytes = body?.sizeBytes ?? 0;
    const newest = parseTimestamp(headers['x-timestamp'] ?? '') ?? timestamp;
    const etag = headers['etag']?.replaceAll('"', '');
    const { status } = await ask(deps.peer, target, path, {
      method: 'PUT',
      timestamp: newest,
      headers: { ...carried(headers), ...(etag ? { etag } : {}), 'content-length': String(sizeBytes) },
      ...(body && sizeBytes > 0 ? { body: body.read(0, sizeBytes) } : {}),
    });
    if (status === 409) return 'known';
    if (status >= 300) throw new Error(`PUT was answered with ${status}`);
    return 'pushed';
  } finally {
    await body?.close();
  }
}

/** Sends a tombstone with its own timestamp. @throws as `pushObject`. */
export async function pushDelete(
  peer: SyncPeer,
  target: PushTarget,
  path: ObjectPath,
  timestamp: Timestamp,
): Promise<'pushed' | 'known'> {
  const { status } = await ask(peer, target, path, { method: 'DELETE', timestamp });
  if (status === 404 || status === 409) return 'known';
  if (status >= 300) throw new Error(`DELETE was answered with ${status}`);
  return 'pushed';
}

interface Asked extends Partial<Pick<PeerRequest, 'headers' | 'body'>> {
  method: PeerRequest['method'];
  timestamp: Timestamp;
}

async function ask(peer: SyncPeer, target: PushTarget, { object }: ObjectPath, asked: Asked): Promise<PeerAnswer> {
  const { method, timestamp, headers, body } = asked;
  const path = `${target.path}/${percentEncode(object, '/')}`;
  const signed = syncAuthHeaders({ method, path, timestamp }, target.realm, target.containerKey);
  const request = {
    method,
    origin: target.origin,
    path,
    headers: { ...headers, ...signed },
    ...(body ? { body } : {}),
  };
  let answer: PeerAnswer;
  try {
    answer = await peer.ask(request);
  } catch (error) {
    if (error instanceof ApiError) throw error; // our own reading
    throw new PeerDown(`${target.origin} does not answer`, { cause: error });
  }
  if (answer.status >= 500 || answer.status === 401 || answer.status === 403)
    throw new PeerDown(`${target.origin} answers ${method} with ${answer.status}`);
  return answer;
}

/** The object as it is kept: manifests and links themselves, not what they lead to. */
async function readSource(
  { cluster, objects, logger }: PushDeps,
  path: ObjectPath,
): Promise<ProxyResponse | undefined> {
  try {
    return await objects({
      method: 'GET',
      path,
      query: new Map([['symlink', 'get']]),
      headers: { 'x-newest': 'true' },
      body: NO_BODY,
      context: {
        transactionId: newTransactionId(cluster.clock, undefined),
        caller: undefined,
        client: { address: undefined, pathText: '' },
        log: logger,
      },
      isOwn: true,
    });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

function carried(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => CARRIED.has(name) || name.startsWith('x-object-meta-')),
  );
}
