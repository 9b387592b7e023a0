import { type Feature, isTrue, type ProxyRequest, type ProxyResponse } from '../message.ts';
import { decode } from '../routes/path.ts';
import { isReservedContainer } from '../routes/reserved-names.ts';
import type { Services } from '../routes/route.ts';
import { listAccount } from './versions-account.ts';
import { requestOfVersion } from './versions-by-id.ts';
import { deleteContainer, enableVersions, readContainer } from './versions-container.ts';
import { deleteObject, postObject, putObject, readObject, type Versioned } from './versions-object.ts';
import { VERSIONS_CONTAINER, VERSIONS_ENABLED } from './versions-settings.ts';

/**
 * Versions of objects, `X-Versions-Enabled`: each PUT stores a version in a hidden container and makes the object a link to it;
 * a DELETE leaves a marker there.
 *
 * Spec: Swift, "Object Versioning".
 */
export function versions(services: Services): Feature {
  return (next) => async (request) => {
    const { path, method, headers } = request;
    const { account, container, object } = path;
    if (container === undefined) return method === 'GET' ? listAccount(request, services, next) : next(request);
    if (isReservedContainer(container)) return next(request);
    if (object === undefined) {
      if (method === 'DELETE') return deleteContainer(request, services, next);
      const isChange = method === 'PUT' || method === 'POST';
      if (isChange && headers['x-versions-enabled'] !== undefined) return enableVersions(request, services, next);
      return readContainer(request, next);
    }
    const versionId = request.query.get('version-id');
    const known = await services.containers.find(account, container);
    const archive = decode(known?.settings[VERSIONS_CONTAINER] ?? '') || undefined;
    if (archive === undefined && !versionId) return next(request);
    const place: Versioned = {
      path: { account, container, object },
      archive,
      isEnabled: isTrue(known?.settings[VERSIONS_ENABLED]),
    };
    if (versionId) return requestOfVersion({ request, services, next }, place, versionId);
    return objectRequest(request, place);

    function objectRequest(asked: ProxyRequest, versioned: Versioned): Promise<ProxyResponse> {
      const work = { request: asked, services, next };
      switch (method) {
        case 'PUT':
          return versioned.isEnabled ? putObject(work, versioned) : next(asked);
        case 'DELETE':
          return versioned.isEnabled ? deleteObject(work, versioned) : next(asked);
        case 'POST':
          return postObject(work, versioned);
        default:
          return readObject(work, versioned);
      }
    }
  };
}
