import { ApiError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import { MOST_BUFFERED_SEGMENTS } from '../limits.ts';
import { type Handler, type ProxyRequest, type ProxyResponse, subrequest } from '../message.ts';
import { bulkDeletion, type Doomed } from './bulk-deletion.ts';
import { reportType } from './bulk-report.ts';
import { readSegments } from './slo-get.ts';

/** `DELETE ?multipart-manifest=delete`: the segments, then the manifests that named them, then the manifest itself. */
export function deleteLargeObject(request: ProxyRequest, next: Handler): ProxyResponse {
  const contentType = reportType(request.headers['accept']) ?? 'text/plain';
  return bulkDeletion(request, contentType, next, () => collectSegments(request, next));
}

async function collectSegments(request: ProxyRequest, next: Handler): Promise<Doomed[]> {
  const { account, container, object } = request.path;
  const doomed: Doomed[] = [];
  const manifests = [`/${container}/${object}`];
  /** Deleted after all segments, the innermost first: while one is there, its segments can be found. */
  const emptied: Doomed[] = [];
  for (let manifest = manifests.shift(); manifest !== undefined; manifest = manifests.shift()) {
    if (doomed.length + manifests.length > MOST_BUFFERED_SEGMENTS)
      throw refusal(400, { body: 'Too many buffered slo segments to delete.' });
    const [manifestContainer = '', ...rest] = manifest.replace(/^\/+/, '').split('/');
    const path = { account, container: manifestContainer, object: rest.join('/') };
    try {
      const response = await next(subrequest(request, { method: 'GET', path }));
      if (!response.headers['x-static-large-object']) {
        await response.body?.close();
        emptied.unshift({ name: manifest, error: { status: 400, message: 'Not an SLO manifest' } });
        continue;
      }
      for (const segment of await readSegments(response)) {
        if ('data' in segment) continue;
        if (segment.sub_slo) manifests.push(segment.name);
        else doomed.push({ name: segment.name });
      }
      emptied.unshift({ name: manifest });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      emptied.unshift({ name: manifest, error: { status: error.status, message: error.message } });
    }
  }
  return [...doomed, ...emptied];
}
