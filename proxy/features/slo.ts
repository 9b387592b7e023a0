import { refusal } from '../errors.ts';
import type { Feature, Handler, ProxyResponse } from '../message.ts';
import type { Services } from '../routes/route.ts';
import { changeRows, joinEtag, splitEtag } from './listing-rows.ts';
import { deleteLargeObject } from './slo-delete.ts';
import { readLargeObject, readManifestItself } from './slo-get.ts';
import { putManifest, putSyncedManifest } from './slo-put.ts';

/**
 * Static large objects: a manifest that lists segments, each with its ETag and length, is read as one object.
 *
 * Spec: Object Storage API, "Static large objects".
 */
export const slo =
  (services: Services): Feature =>
  (next) => {
    const handler: Handler = async (request) => {
      const { method, path, query, headers } = request;
      if (path.container === undefined) return next(request);
      if (path.object === undefined) return method === 'GET' ? withLargeEtags(await next(request)) : next(request);
      if (request.context.signedGrant?.isSync)
        return method === 'PUT' && headers['x-static-large-object'] ? putSyncedManifest(request, next) : next(request);
      const manifest = query.get('multipart-manifest');
      if (method === 'GET' || method === 'HEAD') {
        const response = await next(request);
        if (!response.headers['x-static-large-object'] || response.status !== 200) return response;
        return manifest === 'get' ? readManifestItself(request, response) : readLargeObject(request, response, next, 1);
      }
      if (method === 'PUT' && manifest === 'put') return putManifest(request, next, handler);
      if (method === 'DELETE' && manifest === 'delete') return deleteLargeObject(request, services, next);
      if (headers['x-static-large-object'])
        throw refusal(400, {
          body: 'X-Static-Large-Object is a reserved header. To create a static large object add query param multipart-manifest=put.',
        });
      return next(request);
    };
    return handler;
  };

/** A listing row shows a manifest's own ETag as `hash`, the ETag of the whole as `slo_etag`, and its length. */
function withLargeEtags(response: ProxyResponse): ProxyResponse {
  const { rows } = response;
  if (!rows) return response;
  const changed = changeRows(rows, '; slo_etag=', (row) => {
    const { etag, parameters } = splitEtag(String(row['hash']));
    const sloEtag = parameters.get('slo_etag');
    const sloSize = parameters.get('slo_size');
    parameters.delete('slo_etag');
    parameters.delete('slo_size');
    const s3Etag = parameters.get('s3_etag');
    parameters.delete('s3_etag');
    const bytes = sloSize === undefined ? row['bytes'] : Number(sloSize);
    return {
      ...row,
      hash: joinEtag(etag, parameters),
      ...(bytes === undefined ? {} : { bytes }),
      slo_etag: `"${sloEtag}"`,
      ...(s3Etag === undefined ? {} : { s3_etag: `"${s3Etag}"` }),
    };
  });
  return { ...response, rows: changed };
}
