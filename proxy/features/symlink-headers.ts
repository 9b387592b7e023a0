import type { Headers, ResourcePath } from '../message.ts';
import { decode } from '../routes/path.ts';

/** What a symlink keeps of its target. */
export const SYMLINK = {
  /** `container/object`, each percent-encoded. */
  target: 'x-object-sysmeta-symlink-target',
  /** Percent-encoded; absent: the link's own account. */
  account: 'x-object-sysmeta-symlink-target-account',
  /** Of a static link. */
  etag: 'x-object-sysmeta-symlink-target-etag',
  /** Decimal; with `etag`. */
  sizeBytes: 'x-object-sysmeta-symlink-target-bytes',
  /** The link is a feature's: it counts for no hop. */
  isExtended: 'x-object-sysmeta-symloop-extend',
  /** The target has a reserved name, and whoever may read the link may read it. */
  isReserved: 'x-object-sysmeta-allow-reserved-names',
} as const;

const CLIENT_NAMES: ReadonlyMap<string, string> = new Map([
  [SYMLINK.target, 'x-symlink-target'],
  [SYMLINK.account, 'x-symlink-target-account'],
  [SYMLINK.etag, 'x-symlink-target-etag'],
  [SYMLINK.sizeBytes, 'x-symlink-target-bytes'],
]);

/** What `?symlink=get` says of the link itself. What only features may make of a link stays behind: it must not come into another. */
export function asClientHeaders(headers: Headers): Headers {
  const { [SYMLINK.isExtended]: _extended, [SYMLINK.isReserved]: _reserved, ...others } = headers;
  return Object.fromEntries(Object.entries(others).map(([name, value]) => [CLIENT_NAMES.get(name) ?? name, value]));
}

/** Percent-encodes what is neither a letter, a digit, nor one of `-_.~`: names come back whole, also a container's that holds a slash. */
export function quote(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `container/object` as a link keeps it. */
export function targetText(container: string, object: string): string {
  return `${quote(container)}/${quote(object).replaceAll('%2F', '/')}`;
}

/** `/v1/account/container/object`. @param target as a link keeps it. */
export function pathText(account: string, target: string): string {
  return `/v1/${account}/${target}`;
}

/** The path that a link names. @param account of the link. @returns undefined where it names none. */
export function targetPath(headers: Headers, account: string): Required<ResourcePath> | undefined {
  const target = headers[SYMLINK.target] ?? '';
  const slash = target.indexOf('/');
  const container = decode(target.slice(0, slash));
  const object = decode(target.slice(slash + 1));
  const targetAccount = decode(headers[SYMLINK.account] ?? '') || account;
  return slash > 0 && container && object ? { account: targetAccount, container, object } : undefined;
}
