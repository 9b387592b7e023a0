import { ApiError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import { MOST_SYMLINK_HOPS } from '../limits.ts';
import { type Handler, isTrue, type ProxyRequest, type ProxyResponse } from '../message.ts';
import { isReservedContainer } from '../routes/reserved-names.ts';
import { pathText, quote, SYMLINK, targetPath } from './symlink-headers.ts';

export interface Following {
  /** That the object at the end must have: a static link has said so. */
  wantedEtag?: string;
  /** Where the request has come to, once it has followed a link. */
  location?: string;
  /** Only static links are followed. */
  onlyStatic?: true;
}

/**
 * Reads an object, or what the links say that it stands for. The answer says where it comes from: `Content-Location`.
 *
 * @throws ApiError 409 for too many links, and where a static link's ETag is not that of its target.
 */
export async function followSymlink(
  request: ProxyRequest,
  next: Handler,
  from: Following = {},
): Promise<ProxyResponse> {
  let current = request;
  let { wantedEtag, location } = from;
  for (let hops = 0; ; ) {
    const response = await next(current).catch((error: unknown) => {
      throw location === undefined ? error : located(error, location);
    });
    const { headers } = response;
    const linkEtag = headers[SYMLINK.etag];
    const target = headers[SYMLINK.target];
    if (target === undefined || (from.onlyStatic && linkEtag === undefined)) {
      const etag = headers['etag'];
      if (wantedEtag !== undefined && etag !== undefined && etag !== wantedEtag) {
        await response.body?.close();
        throw mismatch(`Object Etag '${etag}' does not match X-Symlink-Target-Etag header '${wantedEtag}'`, location);
      }
      return location === undefined ? response : { ...response, headers: { ...headers, 'content-location': location } };
    }
    await response.body?.close();
    if (wantedEtag !== undefined && wantedEtag !== (linkEtag ?? headers['etag']))
      throw mismatch('X-Symlink-Target-Etag headers do not match', location);
    const path = targetPath(headers, current.path.account);
    if (hops >= MOST_SYMLINK_HOPS || !path)
      throw refusal(409, {
        body: `Too many levels of symbolic links, maximum allowed is ${MOST_SYMLINK_HOPS}`,
        contentType: 'text/plain',
      });
    if (!isTrue(headers[SYMLINK.isExtended])) hops += 1;
    location = pathText(headers[SYMLINK.account] ?? quote(current.path.account), target);
    wantedEtag = linkEtag;
    const query = new Map<string, string>();
    const isReserved = isTrue(headers[SYMLINK.isReserved]) && isReservedContainer(path.container);
    current = isReserved ? { ...request, path, query, isOwn: true } : { ...request, path, query };
  }
}

function mismatch(body: string, location: string | undefined): ApiError {
  return refusal(409, {
    body,
    contentType: 'text/plain',
    ...(location === undefined ? {} : { headers: { 'content-location': location } }),
  });
}

/** The same refusal, and where it comes from. */
function located(error: unknown, location: string): unknown {
  if (!(error instanceof ApiError)) return error;
  const { status, code, message, details, headers } = error;
  return new ApiError({
    status,
    code,
    message,
    details,
    headers: { ...headers, 'content-location': location },
    cause: error,
  });
}
