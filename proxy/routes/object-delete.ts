import { removeObject } from '../actions/change-object.ts';
import { refusal } from '../errors.ts';
import { openContainer } from './object-access.ts';
import type { Route } from './route.ts';

export const deleteObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const name = await openContainer(request, services, grant, 'writeAcl');
    if (!name) throw refusal(404);
    const { existed } = await removeObject(services.cluster, name);
    if (!existed) throw refusal(404);
    return { status: 204, headers: {} };
  },
};
