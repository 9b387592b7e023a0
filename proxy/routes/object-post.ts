import { changeObjectMetadata } from '../actions/change-object.ts';
import { refusal } from '../errors.ts';
import { checkMetadata } from './metadata.ts';
import { openContainer } from './object-access.ts';
import { changeableMetadata, parseDeleteAt } from './object-headers.ts';
import type { Route } from './route.ts';

export const postObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const name = await openContainer(request, services, grant, 'writeAcl');
    if (!name) throw refusal(404);
    checkMetadata(request.headers, 'object');
    const deleteAt = parseDeleteAt(request.headers, services.cluster.clock);
    await changeObjectMetadata(services.cluster, {
      name,
      metadata: changeableMetadata(request.headers, deleteAt),
      contentType: request.headers['content-type'] || undefined,
    });
    return { status: 202, headers: {} };
  },
};
