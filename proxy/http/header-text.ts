import type { IncomingHttpHeaders } from 'node:http';
import type { Headers } from '../message.ts';

/** Names of user metadata in which clients write underscores for dashes. */
const UNDERSCORED = /^x-(remove-)?(account|container|object)-meta-.*_/;

/**
 * Node reads header values as latin1; Swift's are UTF-8. Swift sits behind WSGI, which knows no difference between an underscore and
 * a dash in a name: metadata set with the one is found under the other.
 */
export function decodeHeaders(incoming: IncomingHttpHeaders): Headers {
  const headers: Record<string, string> = {};
  for (const name in incoming) {
    const value = incoming[name];
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : value.join(', ');
    const known = name.includes('_') && UNDERSCORED.test(name) ? name.replaceAll('_', '-') : name;
    headers[known] = decodeHeaderValue(text);
  }
  return headers;
}

/** UTF-8 that Node read as latin1. */
export function decodeHeaderValue(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that would end the header.
const FORBIDDEN = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const FORBIDDEN_ALL = new RegExp(FORBIDDEN.source, 'g');

/** The way back: UTF-8 bytes, one per character. What no header may hold becomes a blank. */
export function encodeHeaderValue(text: string): string {
  const encoded = isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
  return FORBIDDEN.test(encoded) ? encoded.replaceAll(FORBIDDEN_ALL, ' ') : encoded;
}

const titleCased = new Map<string, string>();
/** Names come from a small set, but those of user metadata do not. */
const MOST_REMEMBERED_NAMES = 4096;

/** `x-object-meta-color` as Swift writes it: `X-Object-Meta-Color`. */
export function titleCase(name: string): string {
  const known = titleCased.get(name);
  if (known !== undefined) return known;
  const title = name
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('-');
  if (titleCased.size < MOST_REMEMBERED_NAMES) titleCased.set(name, title);
  return title;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 127) return false;
  return true;
}
