import { HTML, plainRefusal } from '../errors.ts';
import { contentOf, type Feature, type ProxyRequest, type ProxyResponse } from '../message.ts';
import { followSymlink } from './symlink-follow.ts';
import { asClientHeaders, pathText, SYMLINK } from './symlink-headers.ts';
import { withSymlinkRows } from './symlink-listing.ts';
import { putSymlink } from './symlink-put.ts';

/**
 * Symlinks: an object without bytes that names another one, which is read in its place. A static one says its target's ETag too.
 *
 * Spec: Swift, "Symlink".
 */
export const symlink: Feature = (next) => async (request) => {
  const { method, path, query, headers } = request;
  if (path.container === undefined) return next(request);
  if (path.object === undefined)
    return method === 'GET' ? withSymlinkRows(request, await next(request)) : next(request);
  switch (method) {
    case 'GET':
    case 'HEAD': {
      if (query.get('symlink') !== 'get') return followSymlink(request, next);
      const response = await next(request);
      return { ...response, headers: asClientHeaders(response.headers) };
    }
    case 'PUT':
      return headers['x-symlink-target'] === undefined ? next(request) : putSymlink(request, next);
    case 'POST':
      if (headers['x-symlink-target'] !== undefined)
        throw plainRefusal(400, 'A PUT request is required to set a symlink target');
      return redirected(request, await next(request));
    default:
      return next(request);
  }
};

/** A POST has changed the link itself; the client is told where it would change the target. */
function redirected(request: ProxyRequest, response: ProxyResponse): ProxyResponse {
  const target = response.headers[SYMLINK.target];
  if (response.status >= 300 || target === undefined) return response;
  const etag = response.headers[SYMLINK.etag];
  return {
    status: 307,
    headers: {
      ...response.headers,
      'content-type': HTML,
      location: pathText(response.headers[SYMLINK.account] ?? request.path.account, target),
      ...(etag === undefined ? {} : { 'x-symlink-target-etag': etag }),
    },
    body: contentOf(
      'The requested POST was applied to a symlink. POST directly to the target to apply requested metadata.',
    ),
  };
}
