import { decode } from '../routes/path.ts';

/** Parameters of URLs that allow something to whoever reads them; in lower case. */
const SECRETS: ReadonlySet<string> = new Set([
  'temp_url_sig',
  'swiftinfo_sig',
  'signature',
  'x-amz-signature',
  'x-amz-security-token',
]);

/**
 * Cuts a secret down to its first characters.
 *
 * @param revealed how many of them are shown.
 * Spec: Swift, "Proxy Logs": `reveal_sensitive_prefix`.
 */
export function maskSecret(secret: string, revealed: number): string {
  return secret.length > revealed ? `${secret.slice(0, revealed)}...` : secret;
}

/** Masks signatures in the query of a URL, whole or not, however their names are written; all else stays as it is. */
export function maskUrl(url: string, revealed: number): string {
  const at = url.indexOf('?');
  if (at < 0) return url;
  const masked = url
    .slice(at + 1)
    .split('&')
    .map((part) => maskParameter(part, revealed));
  return `${url.slice(0, at)}?${masked.join('&')}`;
}

function maskParameter(part: string, revealed: number): string {
  const at = part.indexOf('=');
  if (at < 0) return part;
  const name = part.slice(0, at);
  // A name that is no UTF-8 is none of these.
  return SECRETS.has(decode(name)?.trim().toLowerCase() ?? '')
    ? `${name}=${maskSecret(part.slice(at + 1), revealed)}`
    : part;
}
