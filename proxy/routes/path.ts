import { plainRefusal, refusal } from '../errors.ts';
import type { ResourcePath } from '../message.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface Target {
  path: ResourcePath;
  query: ReadonlyMap<string, string>;
  /** The whole path, decoded. */
  pathText: string;
}

const API_VERSIONS: ReadonlySet<string> = new Set(['v1', 'v1.0']);

/**
 * Reads `/v1/{account}[/{container}[/{object}]]` and the query.
 *
 * @param url the request target as it came: origin or absolute form.
 * @throws ApiError 412 for what is not UTF-8, holds NUL or names no account, 400 for another version, 404 for a bad path.
 */
export function parseTarget(url: string): Target {
  const [rawPath, rawQuery] = splitOnce(url.startsWith('/') ? url : originForm(url), '?');
  const path = decode(rawPath);
  if (path === undefined || path.includes('\0')) throw refusal(412, { body: 'Invalid UTF8 or contains NULL' });
  const [lead, version = '', account, container, ...rest] = path.split('/');
  if (lead !== '' || version === '') throw refusal(404);
  if (account && !API_VERSIONS.has(version)) throw refusal(400);
  const object = rest.join('/');
  // An empty name in the middle is no resource: /v1/a//o.
  if (!account || (!container && object !== '')) throw refusal(412, { body: 'Bad URL' });
  return {
    path: { account, ...(container ? { container } : {}), ...(container && object !== '' ? { object } : {}) },
    query: parseQuery(rawQuery),
    pathText: path,
  };
}

/** @throws ApiError 400 naming a parameter that is not UTF-8. */
export function parseQuery(text: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const [name, value] = splitOnce(part.replaceAll('+', ' '), '=');
    const decodedName = decode(name);
    const decodedValue = decode(value);
    if (decodedName === undefined || decodedValue === undefined)
      throw plainRefusal(400, `"${decodedName ?? 'query'}" parameter not valid UTF-8`);
    query.set(decodedName, decodedValue);
  }
  return query;
}

/** Percent-decodes as Swift does: what is no escape stays as it is. @returns undefined for what is not UTF-8. */
export function decode(text: string): string | undefined {
  if (!text.includes('%') && isAscii(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  let length = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const escaped = bytes[index] === 0x25 ? hexByte(text, index + 1) : undefined;
    bytes[length] = escaped ?? (bytes[index] as number);
    if (escaped !== undefined) index += 2;
    length += 1;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch {
    return undefined;
  }
}

/** Percent-encodes a path, its slashes left alone. */
export function encodePath(path: string): string {
  return encodeURIComponent(path).replaceAll('%2F', '/');
}

function hexByte(text: string, at: number): number | undefined {
  const digits = text.slice(at, at + 2);
  return /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 127) return false;
  return true;
}

function originForm(url: string): string {
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*(.*)$/i.exec(url);
  const rest = match?.[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
