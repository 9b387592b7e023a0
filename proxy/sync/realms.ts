import { createHmac } from 'node:crypto';
import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import { percentEncode } from '../features/percent-encoding.ts';
import { MOST_SYNC_REALMS } from '../limits.ts';
import { decode } from '../routes/path.ts';

/** Clusters that trust one another: they share a key. Names are in upper case. */
export interface SyncRealm {
  /** Never logged. */
  readonly key: string;
  /** The one that was, or will be: accepted, and not signed with. */
  readonly key2?: string;
  /** By cluster: the base of its object API, `https://host:port/v1/`. */
  readonly clusters: Readonly<Record<string, string>>;
}

export type SyncRealms = Readonly<Record<string, SyncRealm>>;

/** Where a container's changes go. */
export interface SyncTarget {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Percent-encoded, without a slash at its end. */
  readonly path: string;
  /** Undefined: by URL; the container's key is shown in place of a signature. */
  readonly realm: { readonly name: string; readonly key: string } | undefined;
}

/**
 * Reads the text of a file of realms, in INI form: a section for each realm with `key`, `key2` and `cluster_<name>`.
 *
 * @param name of the file, for the message.
 * @throws StartError that says what is wrong, and never holds a key.
 * Spec: Swift, "Container to Container Synchronization": container-sync-realms.conf.
 */
export function parseRealms(text: string, name: string): SyncRealms {
  const wrong = (line: number, what: string) => new StartError(`realms ${name}, line ${line}: ${what}`, EX_CONFIG);
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const header = /^\[([^\]]+)\]$/.exec(line)?.[1]?.trim();
    if (header !== undefined) {
      section = new Map();
      sections.set(header, section);
      if (sections.size > MOST_SYNC_REALMS) throw wrong(index + 1, `more than ${MOST_SYNC_REALMS} realms`);
      continue;
    }
    const [, option, value] = /^([^=:\s]+)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (!section || option === undefined || value === undefined)
      throw wrong(index + 1, "neither '[realm]' nor 'option = value' of one");
    section.set(option.toLowerCase(), value);
    if (option.toLowerCase().startsWith('cluster_') && !isEndpoint(value))
      throw wrong(index + 1, 'an endpoint is http(s)://host[:port]/v1/, without a query');
  }
  const realms: Record<string, SyncRealm> = {};
  for (const [title, options] of sections) {
    if (title === 'DEFAULT') continue; // how often Swift looks at the file again
    const key = options.get('key');
    if (!key) throw new StartError(`realms ${name}: the realm '${title}' has no key`, EX_CONFIG);
    const key2 = options.get('key2');
    const clusters = [...options].filter(([option]) => option.startsWith('cluster_'));
    realms[title.toUpperCase()] = {
      key,
      ...(key2 ? { key2 } : {}),
      clusters: Object.fromEntries(clusters.map(([option, url]) => [option.slice(8).toUpperCase(), url])),
    };
  }
  return realms;
}

/** @param realm in any case. */
export function findRealm(realms: SyncRealms, realm: string): SyncRealm | undefined {
  const name = realm.toUpperCase();
  return Object.hasOwn(realms, name) ? realms[name] : undefined;
}

export interface SyncSubject {
  method: string;
  /** Percent-encoded, with `/v1`. */
  path: string;
  /** Of the version that is told of, as it is sent. */
  timestamp: string;
  nonce: string;
}

/** Hex of what says that a realm's member, who knows the container's key too, sends the request. Spec: Swift, "Container Sync": HMAC-SHA1. */
export function syncSignature(subject: SyncSubject, realmKey: string, containerKey: string): string {
  const { method, path, timestamp, nonce } = subject;
  return createHmac('sha1', realmKey)
    .update(`${method}\n${path}\n${timestamp}\n${nonce}\n${containerKey}`)
    .digest('hex');
}

/** A path as signatures have it, whatever it was sent as. */
export function signedPath(path: string): string {
  return percentEncode(path, '/');
}

/**
 * Reads a value of `X-Container-Sync-To`. What it leads to is an endpoint of a realm or an allowed host, and nothing else, whatever
 * its names hold.
 *
 * @returns what is wrong with it, in Swift's words.
 */
export function resolveSyncTo(
  value: string,
  realms: SyncRealms,
  allowedHosts: readonly string[],
): SyncTarget | { problem: string } {
  const trimmed = value.replace(/\/+$/, '');
  return trimmed.startsWith('//') ? byRealm(trimmed, value, realms) : byUrl(trimmed, allowedHosts);
}

function byRealm(trimmed: string, value: string, realms: SyncRealms): SyncTarget | { problem: string } {
  const [realmName = '', cluster = '', account = '', container = '', ...rest] = trimmed.slice(2).split('/');
  const names = [account, container].map((name) => decode(name) ?? '');
  if (rest.length > 0 || !names.every(isPathName)) return { problem: `Invalid X-Container-Sync-To format '${value}'` };
  const realm = findRealm(realms, realmName);
  if (!realm) return { problem: `No realm key for '${realmName}'` };
  const clusterName = cluster.toUpperCase();
  const endpoint = Object.hasOwn(realm.clusters, clusterName) ? realm.clusters[clusterName] : undefined;
  if (!endpoint) return { problem: `No cluster endpoint for '${realmName}' '${cluster}'` };
  const { origin, pathname } = new URL(endpoint);
  const path = `${pathname.replace(/\/+$/, '')}/${names.map((name) => percentEncode(name, '')).join('/')}`;
  return { origin, path, realm: { name: realmName.toUpperCase(), key: realm.key } };
}

function byUrl(trimmed: string, allowedHosts: readonly string[]): SyncTarget | { problem: string } {
  const [, scheme = '', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):)?(.*)$/is.exec(trimmed) ?? [];
  if (!/^https?$/i.test(scheme))
    return { problem: `Invalid scheme '${scheme}' in X-Container-Sync-To, must be "//", "http", or "https".` };
  if (/[?#;]/.test(rest)) return { problem: 'Params, queries, and fragments not allowed in X-Container-Sync-To' };
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  const path = /^\/\/[^/]*(\/.*)$/s.exec(rest)?.[1];
  if (!url || path === undefined) return { problem: 'Path required in X-Container-Sync-To' };
  const names = path
    .slice(1)
    .split('/')
    .map((name) => decode(name) ?? '');
  if (url.username !== '' || url.password !== '' || !allowedHosts.includes(url.hostname))
    return { problem: `Invalid host '${url.hostname}' in X-Container-Sync-To` };
  if (names.length !== 3 || !names.every(isPathName))
    return { problem: `Invalid X-Container-Sync-To format '${trimmed}'` };
  return {
    origin: url.origin,
    path: `/${names.map((name) => percentEncode(name, '')).join('/')}`,
    realm: undefined,
  };
}

/** No name that could lead out of where it stands. */
function isPathName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name !== '' && name !== '.' && name !== '..' && !/[\0-\x1f\x7f]/.test(name) && !name.includes('/');
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username } = new URL(text);
  return /^https?:$/.test(protocol) && search === '' && hash === '' && username === '';
}
