import { changeObjectMetadata } from '../actions/change-object.ts';
import { expiring } from '../actions/note-expiry.ts';
import { refusal } from '../errors.ts';
import { checkMetadata } from './metadata.ts';
import { openContainer } from './object-access.ts';
import { changeableMetadata, internalOf, parseDeleteAt } from './object-headers.ts';
import type { Route } from './route.ts';

export const postObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const name = await openContainer(request, services, grant, 'writeAcl');
    if (!name) throw refusal(404);
    checkMetadata(request.headers, 'object');
    const deleteAt = parseDeleteAt(request.headers, services.cluster.clock);
    const { fixedMetadata } = await expiring(services.cluster, name, deleteAt, () =>
      changeObjectMetadata(services.cluster, {
        name,
        metadata: changeableMetadata(request.headers, deleteAt),
        contentType: request.headers['content-type'] || undefined,
      }),
    );
    // Features see what they keep in the object; the gatekeeper lets none of it out.
    return { status: 202, headers: internalOf(fixedMetadata) };
  },
};
