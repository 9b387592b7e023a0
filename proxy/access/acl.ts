import { refusal } from '../errors.ts';

/** A container's `X-Container-Read` or `-Write`, taken apart. */
export interface Acl {
  /** `*`, `host`, `.domain`, each with a `-` before it where it is denied; in order: the last that matches decides. */
  readonly referrers: readonly string[];
  /** `project:user`, `project:*`, `*:user`, `*:*`, role names, `.rlistings`. */
  readonly grants: ReadonlySet<string>;
}

const REFERRER_WORDS: ReadonlySet<string> = new Set(['.r', '.ref', '.referer', '.referrer']);

/**
 * Brings the value of an ACL header into its stored form: no blanks, no empty elements, `.r:` for all spellings of referrer.
 *
 * @param header `x-container-read` or `x-container-write`.
 * @throws ApiError 400 for an unknown designation, a referrer without a host, or a referrer in a write ACL.
 * Spec: Swift, "Access Control Lists": Container ACLs.
 */
export function cleanAcl(header: string, value: string): string {
  const elements = value.split(',').map((element) => element.trim());
  return elements
    .filter((element) => element !== '')
    .map((element) => cleanElement(header, element))
    .join(',');
}

function cleanElement(header: string, element: string): string {
  const colon = element.indexOf(':');
  if (colon < 0) return element;
  const first = element.slice(0, colon).trim();
  let host = element.slice(colon + 1).trim();
  if (!first.startsWith('.')) return element;
  if (!REFERRER_WORDS.has(first)) throw refusal(400, { body: `Unknown designator '${first}' in ACL: '${element}'` });
  if (header.includes('write')) throw refusal(400, { body: `Referrers not allowed in write ACL: '${element}'` });
  const isDenied = host.startsWith('-');
  if (isDenied) host = host.slice(1).trim();
  if (host !== '*' && host.startsWith('*')) host = host.slice(1).trim();
  if (host === '' || host === '.')
    throw refusal(400, { body: `No host/domain value after referrer designation in ACL: '${element}'` });
  return `.r:${isDenied ? '-' : ''}${host}`;
}

/** Names nobody. */
export const NO_ACL: Acl = { referrers: [], grants: new Set() };

/** Takes a stored ACL apart. */
export function parseAcl(value: string | undefined): Acl {
  if (!value) return NO_ACL;
  const elements = value.split(',');
  return {
    referrers: elements.filter((element) => element.startsWith('.r:')).map((element) => element.slice(3)),
    grants: new Set(elements.filter((element) => !element.startsWith('.r:')).map(unquote)),
  };
}

/** Whether the page that a request comes from (`Referer`) may read. */
export function isReferrerAllowed(acl: Acl, referer: string | undefined): boolean {
  let allowed = false;
  const host = hostOf(referer);
  for (const rule of acl.referrers) {
    const isDenied = rule.startsWith('-');
    const wanted = isDenied ? rule.slice(1) : rule;
    const matches = wanted === host || (wanted.startsWith('.') && host.endsWith(wanted));
    if (isDenied ? matches : matches || wanted === '*') allowed = !isDenied;
  }
  return allowed;
}

/** Whether an ACL names the caller: `project:user`, either of which may be `*`. */
export function grantsAny(acl: Acl, projects: readonly string[], users: readonly string[]): boolean {
  return projects.some((project) => users.some((user) => acl.grants.has(`${project}:${user}`)));
}

function hostOf(referer: string | undefined): string {
  if (!referer || !URL.canParse(referer)) return 'unknown';
  return new URL(referer).hostname || 'unknown';
}

function unquote(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
