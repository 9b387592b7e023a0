import { removeObject } from '../actions/change-object.ts';
import type { ObjectName } from '../actions/read-object.ts';
import { removeExpiring } from '../actions/remove-expired.ts';
import { refusal } from '../errors.ts';
import { openContainer } from './object-access.ts';
import type { Route, Services } from './route.ts';

export const deleteObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const name = await openContainer(request, services, grant, 'writeAcl');
    if (!name) throw refusal(404);
    const ifDeleteAt = request.headers['x-if-delete-at'];
    if (ifDeleteAt !== undefined) await deleteExpiring(services, name, ifDeleteAt);
    else if (!(await removeObject(services.cluster, name)).existed) throw refusal(404);
    return { status: 204, headers: {} };
  },
};

/** @throws ApiError 400, 404, 412: the object goes at another moment. */
async function deleteExpiring({ cluster }: Services, name: ObjectName, ifDeleteAt: string): Promise<void> {
  if (!/^\s*\d{1,15}\s*$/.test(ifDeleteAt)) throw refusal(400, { body: 'Bad X-If-Delete-At header value' });
  if ((await removeExpiring(cluster, name, Number(ifDeleteAt))) === 'changed')
    throw refusal(412, { body: 'X-If-Delete-At and X-Delete-At do not match' });
}
