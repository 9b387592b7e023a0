import { randomUUID } from 'node:crypto';
import { equalSecrets } from '../../common/secrets.ts';
import { parseTimestamp, secondsOf } from '../../common/timestamp.ts';
import { withGrant } from '../access/signed-grant.ts';
import { plainRefusal, refusal } from '../errors.ts';
import { MOST_CLOCK_SKEW_SECONDS } from '../limits.ts';
import { type Feature, objectPathOf, type ProxyRequest, type ResourcePath } from '../message.ts';
import type { Services } from '../routes/route.ts';
import { SYNC_TIMESTAMP } from '../routes/sync-timestamp.ts';
import { findRealm, signedPath, syncSignature } from '../sync/realms.ts';
import { INBOUND_TIMESTAMP } from './gatekeeper.ts';

const SYNC_KEY = 'x-container-sync-key';

/**
 * Accepts what another cluster of a realm sends of its objects: PUT and DELETE with the timestamp that the object has there, so that both
 * agree on what is newer. A signature, with the realm's key and the container's, allows its own request and no other.
 *
 * Spec: Swift, "Container to Container Synchronization".
 */
export function containerSync(services: Services): Feature {
  const { cluster, containers, config, syncRealms } = services;

  async function isSigned(request: ProxyRequest, path: Required<ResourcePath>, text: string): Promise<boolean> {
    const [realmName = '', nonce = '', signature = '', ...rest] = text.trim().split(/\s+/);
    const realm = findRealm(syncRealms(), realmName);
    const known = await containers.find(path.account, path.container);
    const containerKey = known?.settings[SYNC_KEY];
    if (!signature || rest.length > 0 || !realm || !containerKey) return false;
    const subject = {
      method: request.method,
      path: signedPath(request.context.client.pathText),
      timestamp: request.headers[INBOUND_TIMESTAMP] ?? '0',
      nonce,
    };
    return [realm.key, realm.key2].some(
      (key) => key !== undefined && equalSecrets(syncSignature(subject, key, containerKey), signature),
    );
  }

  /** The older way: whoever shows the container's key. */
  async function showsKey(path: Required<ResourcePath>, shown: string): Promise<boolean> {
    const known = await containers.find(path.account, path.container);
    const containerKey = known?.settings[SYNC_KEY];
    return containerKey !== undefined && equalSecrets(containerKey, shown);
  }

  return (next) => async (request) => {
    const { method, headers } = request;
    const auth = headers['x-container-sync-auth'];
    const path = objectPathOf(request.path);
    if (auth === undefined) {
      const shown =
        config.container_sync.accept_keys && path && headers[INBOUND_TIMESTAMP] ? headers[SYNC_KEY] : undefined;
      if (!path || !shown || !(await showsKey(path, shown))) return next(request);
    } else if (!path || method === 'OPTIONS' || !(await isSigned(request, path, auth))) {
      throw invalid();
    }
    const grant = { method, path, scope: 'container', isSync: true } as const;
    // Of the query nothing goes on: the signature covers none of it.
    const signed = { ...request, query: new Map(), headers: syncHeaders(request, cluster.clock.nowMs()) };
    return next(withGrant(signed, grant));
  };
}

/** The same headers with the timestamp that the version has. @throws ApiError 400 for one that is none, or that our own writes could not pass. */
function syncHeaders({ headers }: ProxyRequest, nowMs: number): Record<string, string> {
  const { [INBOUND_TIMESTAMP]: sent, ...others } = headers;
  if (sent === undefined) return others;
  const timestamp = parseTimestamp(sent);
  if (timestamp === undefined)
    throw plainRefusal(400, `X-Timestamp should be a UNIX timestamp float value; was '${sent}'`);
  if (secondsOf(timestamp) > nowMs / 1000 + MOST_CLOCK_SKEW_SECONDS)
    throw plainRefusal(400, `X-Timestamp '${sent}' is more than ${MOST_CLOCK_SKEW_SECONDS} seconds ahead`);
  return { ...others, [SYNC_TIMESTAMP]: timestamp };
}

function invalid(): Error {
  return refusal(401, {
    body: 'X-Container-Sync-Auth header not valid; contact cluster operator for support.',
    contentType: 'text/plain',
    headers: { 'www-authenticate': 'SwiftContainerSync realm="unknown"' },
  });
}

/** What a request about an object of another cluster says of itself. Never logged. */
export function syncAuthHeaders(
  subject: { method: string; path: string; timestamp: string },
  realm: { name: string; key: string } | undefined,
  containerKey: string,
): Record<string, string> {
  const stamped = { 'x-timestamp': subject.timestamp };
  if (!realm) return { ...stamped, [SYNC_KEY]: containerKey };
  const nonce = randomUUID().replaceAll('-', '');
  const signature = syncSignature({ ...subject, nonce }, realm.key, containerKey);
  return { ...stamped, 'x-container-sync-auth': `${realm.name} ${nonce} ${signature}` };
}
