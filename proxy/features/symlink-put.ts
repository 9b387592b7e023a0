import { ApiError } from '../../common/errors.ts';
import { LISTED_AS } from '../../object-server/contract.ts';
import { plainRefusal, refusal } from '../errors.ts';
import {
  collect,
  type Handler,
  type Headers,
  NO_BODY,
  objectPathOf,
  type ProxyRequest,
  type ProxyResponse,
  subrequest,
} from '../message.ts';
import { decode } from '../routes/path.ts';
import { joinEtag, splitEtag } from './listing-rows.ts';
import { SLO_ETAG_HEADER, SLO_SIZE_HEADER } from './slo-put.ts';
import { followSymlink } from './symlink-follow.ts';
import { pathText, quote, SYMLINK, targetText } from './symlink-headers.ts';

const MD5_OF_NOTHING = 'd41d8cd98f00b204e9800998ecf8427e';
const BAD_TARGET = 'X-Symlink-Target header must be of the form <container name>/<object name>';

interface Target {
  /** Undefined: the link's own. */
  account: string | undefined;
  container: string;
  object: string;
}

/** What is known of the target of a static link. */
interface StaticTarget {
  etag: string;
  sizeBytes: string;
  contentType: string;
  /** Of the target's listing row: a manifest's `slo_etag`. */
  listed: ReadonlyMap<string, string>;
}

/**
 * `PUT` with `X-Symlink-Target`: an object without bytes.
 *
 * @throws ApiError 400, 409 (a static link whose target is not there, or has another ETag), 412.
 */
export async function putSymlink(request: ProxyRequest, next: Handler): Promise<ProxyResponse> {
  const { headers } = request;
  // A body that is longer than nothing.
  if (request.body.sizeBytes !== 0 && (await collect(request.body.chunks(), 0)) === undefined)
    throw plainRefusal(400, 'Symlink requests require a zero byte body');
  const target = parseTarget(headers);
  const self = objectPathOf(request.path);
  const path = { ...target, account: target.account ?? request.path.account };
  if (path.account === self?.account && path.container === self.container && path.object === self.object)
    throw plainRefusal(400, 'Symlink cannot target itself');
  const etag = headers['x-symlink-target-etag']?.replace(/^"(.*)"$/, '$1');
  if (etag && /[;"\\]/.test(etag)) throw plainRefusal(400, 'Bad X-Symlink-Target-Etag format');
  const known = etag ? await knownTarget(request, path, etag, next) : undefined;
  return next({ ...request, headers: linkHeaders(headers, target, known), body: NO_BODY });
}

/** The headers with which a link is stored, those of the client that name its target left out. */
export function linkHeaders(headers: Headers, target: Target, known: StaticTarget | undefined): Headers {
  const {
    'x-symlink-target': _target,
    'x-symlink-target-account': _account,
    'x-symlink-target-etag': _etag,
    'x-symlink-target-bytes': _bytes,
    'transfer-encoding': _encoding,
    ...others
  } = headers;
  const name = targetText(target.container, target.object);
  const listed = new Map(known?.listed);
  listed.set('symlink_target', name);
  const stored: Record<string, string> = { [SYMLINK.target]: name };
  if (target.account !== undefined) {
    stored[SYMLINK.account] = quote(target.account);
    listed.set('symlink_target_account', quote(target.account));
  }
  if (known) {
    stored[SYMLINK.etag] = known.etag;
    stored[SYMLINK.sizeBytes] = known.sizeBytes;
    listed.set('symlink_target_etag', known.etag);
    listed.set('symlink_target_bytes', known.sizeBytes);
  }
  return {
    ...others,
    ...stored,
    'content-length': '0',
    'content-type': others['content-type'] || (known?.contentType ?? 'application/symlink'),
    // Its listing row says where it leads.
    [LISTED_AS.etag]: joinEtag(MD5_OF_NOTHING, listed),
  };
}

/** @throws ApiError 412. */
function parseTarget(headers: Headers): Target {
  const text = decode(headers['x-symlink-target'] ?? '') ?? '';
  if (text.startsWith('/')) throw refusal(412, { body: BAD_TARGET, contentType: 'text/plain' });
  const slash = text.indexOf('/');
  if (slash <= 0 || slash === text.length - 1 || text.includes('\0')) throw refusal(412, { body: BAD_TARGET });
  const account = headers['x-symlink-target-account'];
  return {
    account: account === undefined ? undefined : parseAccount(account),
    container: text.slice(0, slash),
    object: text.slice(slash + 1),
  };
}

/** @throws ApiError 412. */
function parseAccount(text: string): string {
  const account = decode(text);
  if (!account) throw refusal(412, { body: 'Account name cannot be empty' });
  if (account.includes('/')) throw refusal(412, { body: 'Account name cannot contain slashes' });
  return account;
}

/** Of a link that comes from another cluster, its word is taken: the target may come later. */
function knownTarget(
  request: ProxyRequest,
  path: { account: string; container: string; object: string },
  etag: string,
  next: Handler,
): Promise<StaticTarget> | StaticTarget {
  const { headers, context } = request;
  const sizeBytes = headers['x-symlink-target-bytes'] ?? '';
  if (!context.signedGrant?.isSync || !/^\d{1,15}$/.test(sizeBytes)) return askTarget(request, path, etag, next);
  return { etag, sizeBytes, contentType: headers['content-type'] ?? '', listed: new Map() };
}

/** @throws ApiError 409, 401, 403, 503. */
async function askTarget(
  request: ProxyRequest,
  path: { account: string; container: string; object: string },
  etag: string,
  next: Handler,
): Promise<StaticTarget> {
  const location = pathText(quote(path.account), targetText(path.container, path.object));
  const head = subrequest(request, { method: 'HEAD', path });
  try {
    const { headers, body } = await followSymlink(head, next, { wantedEtag: etag, location, onlyStatic: true });
    await body?.close();
    const sloEtag = headers[SLO_ETAG_HEADER];
    const { parameters } = splitEtag(headers[LISTED_AS.etag] ?? '');
    for (const name of [...parameters.keys()]) if (name.startsWith('symlink_')) parameters.delete(name);
    if (sloEtag !== undefined) parameters.set('slo_etag', sloEtag);
    return {
      etag,
      sizeBytes: headers[SLO_SIZE_HEADER] ?? String(body?.sizeBytes ?? 0),
      contentType: headers['content-type'] ?? '',
      listed: parameters,
    };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    throw refusal(409, {
      body: 'X-Symlink-Target does not exist',
      contentType: 'text/plain',
      headers: { 'content-location': location },
      cause: error,
    });
  }
}
