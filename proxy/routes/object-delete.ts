import { removeObject, removeVersion } from '../actions/change-object.ts';
import type { ObjectName } from '../actions/read-object.ts';
import { removeAsOf, removeExpiring } from '../actions/remove-expired.ts';
import { isRefusal, refusal } from '../errors.ts';
import { openContainer } from './object-access.ts';
import type { Route, Services } from './route.ts';
import { SYNC_TIMESTAMP } from './sync-timestamp.ts';

/** Of a daemon's DELETE: a timestamp; an object that was written since stays. */
export const AS_OF_HEADER = 'x-backend-as-of';

export const deleteObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const name = await openContainer(request, services, grant, 'writeAcl');
    if (!name) throw refusal(404);
    const ifDeleteAt = request.headers['x-if-delete-at'];
    const asOf = request.headers[AS_OF_HEADER];
    if (ifDeleteAt !== undefined) await deleteExpiring(services, name, ifDeleteAt);
    else if (asOf !== undefined) await deleteAsOf(services, name, asOf);
    else if (!(await remove(services, name, request.headers[SYNC_TIMESTAMP])).existed) throw refusal(404);
    return { status: 204, headers: {} };
  },
};

/** @param given of another cluster's tombstone: what is newer stays. @throws ApiError 404, 409, 503. */
async function remove(
  { cluster }: Services,
  name: ObjectName,
  given: string | undefined,
): Promise<{ existed: boolean }> {
  if (given === undefined) return removeObject(cluster, name);
  try {
    return await removeVersion(cluster, name, given);
  } catch (error) {
    throw isRefusal(error, 'OlderVersion') ? refusal(409, { cause: error }) : error;
  }
}

/** @throws ApiError 400, 404, 412: the object goes at another moment. */
async function deleteExpiring({ cluster }: Services, name: ObjectName, ifDeleteAt: string): Promise<void> {
  if (!/^\s*\d{1,15}\s*$/.test(ifDeleteAt)) throw refusal(400, { body: 'Bad X-If-Delete-At header value' });
  if ((await removeExpiring(cluster, name, Number(ifDeleteAt))) === 'changed')
    throw refusal(412, { body: 'X-If-Delete-At and X-Delete-At do not match' });
}

/** @throws ApiError 412: there is none, or a newer one. */
async function deleteAsOf({ cluster }: Services, name: ObjectName, asOf: string): Promise<void> {
  if ((await removeAsOf(cluster, name, asOf)) === 'changed') throw refusal(412);
}
