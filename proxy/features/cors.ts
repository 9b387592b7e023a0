import { ApiError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import type { Feature, Headers, ProxyRequest, ProxyResponse } from '../message.ts';
import type { Services } from '../routes/route.ts';

const SETTING = 'x-container-meta-access-control-';
/** What a script may read of every answer. */
const EXPOSED = [
  'cache-control',
  'content-language',
  'content-type',
  'expires',
  'last-modified',
  'pragma',
  'etag',
  'x-timestamp',
  'x-trans-id',
  'x-openstack-request-id',
];

/** What a container says of pages that come from elsewhere. */
interface CorsRules {
  /** `*` alone: any, and the answer says so; else the page's own origin is named. */
  readonly isForAnybody: boolean;
  readonly origins: ReadonlySet<string>;
  readonly exposed: readonly string[];
  readonly maxAge: string | undefined;
}

/**
 * Cross-origin requests of browsers: answers preflights, and tells the browser whether the page may see an answer.
 *
 * Spec: Swift, "CORS"; W3C, "Cross-Origin Resource Sharing".
 */
export function cors(services: Services): Feature {
  const { config, containers } = services;

  async function rulesOf({ path: { account, container } }: ProxyRequest): Promise<CorsRules> {
    const known = container === undefined ? undefined : await containers.find(account, container);
    const settings = known?.settings ?? {};
    const allowOrigin = settings[`${SETTING}allow-origin`] ?? '';
    return {
      isForAnybody: allowOrigin.trim() === '*',
      origins: new Set([...wordsOf(allowOrigin), ...config.cors_allow_origin]),
      exposed: wordsOf((settings[`${SETTING}expose-headers`] ?? '').toLowerCase()),
      maxAge: settings[`${SETTING}max-age`],
    };
  }

  return (next) => async (request) => {
    const origin = request.headers['origin'];
    if (!origin || request.path.container === undefined) return next(request);
    if (request.method === 'OPTIONS') return preflight(request, origin, await rulesOf(request), await next(request));
    // What is answered is decided first: whether a page may see it is asked only then.
    const visible = async (headers: Headers): Promise<Headers> => {
      const rules = await rulesOf(request);
      if (config.strict_cors_mode && !allows(rules, origin)) return headers;
      return { ...headers, ...shownTo(origin, rules, headers, config.cors_expose_headers) };
    };
    try {
      const response = await next(request);
      return { ...response, headers: await visible(response.headers) };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500) throw error;
      const { status, code, message, details } = error;
      throw new ApiError({ status, code, message, details, headers: await visible(error.headers), cause: error });
    }
  };
}

/** @throws ApiError 401 for an origin or a method that is not allowed. */
function preflight(request: ProxyRequest, origin: string, rules: CorsRules, options: ProxyResponse): ProxyResponse {
  const all = options.headers['allow'] ?? '';
  // COPY is a PUT in disguise: a page that asks for it is told no, as in Swift, though the methods that are told hold it.
  const methods = all.split(', ').filter((method) => method !== 'COPY');
  const method = request.headers['access-control-request-method'] ?? '';
  if (!allows(rules, origin) || !methods.includes(method))
    throw refusal(401, { headers: { allow: methods.join(', ') } });
  const wanted = (request.headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const vary = [
    ...(rules.isForAnybody ? [] : ['Origin']),
    ...(wanted.length > 0 ? ['Access-Control-Request-Headers'] : []),
  ];
  return {
    ...options,
    headers: {
      ...options.headers,
      'access-control-allow-origin': rules.isForAnybody ? '*' : origin,
      ...(rules.maxAge === undefined ? {} : { 'access-control-max-age': rules.maxAge }),
      'access-control-allow-methods': all,
      ...(wanted.length > 0 ? { 'access-control-allow-headers': [...new Set(wanted)].join(', ') } : {}),
      ...(vary.length > 0 ? { vary: vary.join(', ') } : {}),
    },
  };
}

function allows({ origins }: CorsRules, origin: string): boolean {
  return origins.has(origin) || origins.has('*');
}

/** Headers by which the browser lets the page see the answer. */
function shownTo(origin: string, rules: CorsRules, headers: Headers, always: readonly string[]): Headers {
  const metadata = Object.keys(headers).filter((name) => /^x-(container|object)-meta/.test(name));
  const exposed = new Set([...EXPOSED, ...always.map((name) => name.toLowerCase()), ...metadata, ...rules.exposed]);
  const shown: Record<string, string> = { 'access-control-expose-headers': [...exposed].join(', ') };
  if (rules.isForAnybody) return { ...shown, 'access-control-allow-origin': '*' };
  const vary = headers['vary'] === undefined ? 'Origin' : `Origin, ${headers['vary']}`;
  return { ...shown, 'access-control-allow-origin': origin, vary };
}

function wordsOf(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}
