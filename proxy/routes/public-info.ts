import { denialOf } from '../access/access-control.ts';
import type { ProxyConfig } from '../config.ts';
import { refusal } from '../errors.ts';
import { parseSignature, signerOf } from '../features/signatures.ts';
import { parseQuery } from './path.ts';

/** A GET or HEAD of `/info`. */
export interface InfoRequest {
  method: string;
  /** As it was sent, with its query. */
  url: string;
  /** Of the page that asks. */
  origin: string | undefined;
  nowMs: number;
}

export const INFO_METHODS = 'GET, HEAD, OPTIONS';

/** HEAD may be asked with what is signed for GET. */
const SIGNED_METHODS: Readonly<Record<string, readonly string[]>> = { GET: ['GET'], HEAD: ['HEAD', 'GET'] };

/**
 * Answers `/info`: what `sections` has but for what the operator hides; with a signature of the operator's key also what is hidden.
 *
 * @throws ApiError 403 where the operator shows nothing, or has no key; 401 for a signature that is wrong, or out of date.
 * Spec: Swift, "Discoverability".
 */
export function publicInfo(
  request: InfoRequest,
  sections: Readonly<Record<string, unknown>>,
  config: ProxyConfig['info'],
): { headers: Record<string, string>; body: Record<string, unknown> } {
  if (!config.expose_info) throw refusal(403);
  const isAdmin = isSigned(request, config);
  const { disallowed_sections: hidden } = config;
  const shown = hidden.reduce((left, section) => without(left, section.split('.')), sections);
  const { origin } = request;
  return {
    headers: origin ? { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'x-trans-id' } : {},
    body: isAdmin ? { ...shown, admin: { disallowed_sections: hidden } } : { ...shown },
  };
}

/** @returns false where the request asks for nothing but what anybody may see. */
function isSigned({ method, url, nowMs }: InfoRequest, config: ProxyConfig['info']): boolean {
  const query = parseQuery(url.split('?').slice(1).join('?'));
  const { swiftinfo_sig: signature = '', swiftinfo_expires: expires = '' } = Object.fromEntries(query);
  if (signature === '' && expires === '') return false;
  if (config.admin_key === '') throw refusal(403);
  const sent = parseSignature(signature);
  const expiresSeconds = /^\d{1,15}$/.test(expires) ? Number(expires) : 0;
  if (!sent || !config.allowed_digests.includes(sent.digest) || expiresSeconds < nowMs / 1000)
    throw denialOf(undefined, 'unknown');
  const messages = (SIGNED_METHODS[method] ?? []).map((signed) => `${signed}\n${expiresSeconds}\n/info`);
  if (!signerOf(sent, messages, [{ key: config.admin_key }])) throw denialOf(undefined, 'unknown');
  return true;
}

/** A copy without one key, however deep it is. */
function without(
  tree: Readonly<Record<string, unknown>>,
  [key = '', ...rest]: readonly string[],
): Record<string, unknown> {
  if (!Object.hasOwn(tree, key)) return { ...tree };
  const { [key]: branch, ...others } = tree;
  if (rest.length === 0) return others;
  const isTree = typeof branch === 'object' && branch !== null && !Array.isArray(branch);
  return isTree ? { ...tree, [key]: without(branch as Record<string, unknown>, rest) } : { ...tree };
}
