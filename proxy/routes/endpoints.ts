import type { Device } from '../../ring/contract.ts';
import { refusal } from '../errors.ts';
import { percentEncode } from '../features/percent-encoding.ts';
import { decode } from './path.ts';
import type { Services } from './route.ts';

/** Below which places are told. */
export const ENDPOINTS_PATH = '/endpoints/';

interface Asked {
  version: 1 | 2;
  /** Account, container and object, decoded, as far as they are given. */
  names: readonly [string, string?, string?];
}

/** What version 2 answers; version 1 has only the list. */
interface PlacesWithHeaders {
  endpoints: string[];
  headers: Record<string, string>;
}

/**
 * Says where the replicas of an account, container or object belong: a URL for each primary device, whether or not there is such a thing.
 *
 * @param url the path as it was sent: `/endpoints/[v1/|v2/]{account}[/{container}[/{object}]]`.
 * @throws ApiError 400 for an unknown version, or no account; 503.
 * Spec: Swift, "Middleware": List Endpoints.
 */
export async function listEndpoints(url: string, services: Services): Promise<string[] | PlacesWithHeaders> {
  const { version, names } = parseEndpointsPath(url);
  const [account, container, object] = names;
  const { rings } = services.cluster;
  const policyIndex =
    container === undefined || object === undefined
      ? undefined
      : ((await services.containers.find(account, container))?.policyIndex ?? 0);
  const ring =
    policyIndex !== undefined ? rings.object(policyIndex) : container === undefined ? rings.account : rings.container;
  const partition = ring.partitionOf(...names);
  const path = names.map((name) => percentEncode(name ?? '', '/')).join('/');
  const endpoints = ring
    .primaries(partition)
    .map((device) => `${nodeUrl(device)}/${device.device}/${partition}/${path}`);
  if (version === 1) return endpoints;
  return {
    endpoints,
    headers: policyIndex === undefined ? {} : { 'X-Backend-Storage-Policy-Index': String(policyIndex) },
  };
}

function nodeUrl({ ip, port }: Device): string {
  return `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}

function parseEndpointsPath(url: string): Asked {
  const path = decode((url.split('?', 1)[0] ?? '').slice(ENDPOINTS_PATH.length));
  if (path === undefined || path.includes('\0')) throw refusal(412, { body: 'Invalid UTF8 or contains NULL' });
  const [first = '', ...rest] = path.split('/');
  const version = versionOf(first);
  // An account may look like a version: with an underscore it is one.
  if (version === undefined && first.startsWith('v') && !first.includes('_'))
    throw refusal(400, { body: `Unsupported version '${first}'` });
  const [account = '', container = '', ...names] = version === undefined ? [first, ...rest] : rest;
  const object = names.join('/');
  if (account === '' || (container === '' && object !== '')) throw refusal(400, { body: 'No account specified' });
  if (container === '') return { version: version ?? 1, names: [account] };
  return { version: version ?? 1, names: object === '' ? [account, container] : [account, container, object] };
}

function versionOf(text: string): 1 | 2 | undefined {
  const digits = /^v*([12])(?:\.0*)?$/.exec(text)?.[1];
  return digits === undefined ? undefined : digits === '1' ? 1 : 2;
}
