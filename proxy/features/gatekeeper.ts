import { refusal } from '../errors.ts';
import type { Feature, Headers } from '../message.ts';
import { isReservedContainer } from '../routes/reserved-names.ts';

/** Headers that only the parts of Swift may send one another. A client that sends one could speak for them. */
const INTERNAL =
  /^(x-(account|container|object)-sysmeta-|x-object-transient-sysmeta-|x-backend-|x-timestamp$|x-(account|container)-(host|device|partition)$|x-container-root-db-state$|x-delete-at-(host|device|partition|container)$)/;
/** What a client sent as `X-Timestamp`: it means something only with a signature of container sync. */
export const INBOUND_TIMESTAMP = 'x-backend-inbound-x-timestamp';
/** The same, but that every answer says its timestamp. */
const INTERNAL_ANSWER = /^(x-(account|container|object)-sysmeta-|x-object-transient-sysmeta-|x-backend-)/;

/**
 * Keeps internal headers inside, both ways, and internal containers: no path says their names, and a host that does is refused.
 *
 * @throws ApiError 412.
 * Spec: Swift, "Middleware": Gatekeeper.
 */
export const gatekeeper: Feature = (next) => async (request) => {
  if (isReservedContainer(request.path.container ?? '')) throw refusal(412, { body: 'Bad URL' });
  const sent = request.headers['x-timestamp'];
  const clean = without(request.headers, INTERNAL);
  const headers = sent === undefined ? clean : { ...clean, [INBOUND_TIMESTAMP]: sent };
  const response = await next({ ...request, headers });
  return { ...response, headers: without(response.headers, INTERNAL_ANSWER) };
};

function without(headers: Headers, pattern: RegExp): Headers {
  let clean = true;
  for (const name in headers) {
    if (pattern.test(name)) {
      clean = false;
      break;
    }
  }
  if (clean) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !pattern.test(name)));
}
