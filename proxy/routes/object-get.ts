import { httpDateOf } from '../../common/timestamp.ts';
import type { ObjectState } from '../../object-server/contract.ts';
import { refusal } from '../errors.ts';
import { type Headers, isTrue } from '../message.ts';
import { openContainer } from './object-access.ts';
import type { Route } from './route.ts';

/** Ranges and conditions are a feature above: this answers the whole object. */
export const getObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const name = await openContainer(request, services, grant, 'readAcl');
    if (!name) throw refusal(404);
    const { state, content } = await services.objects.read(name, {
      newest: isTrue(request.headers['x-newest']),
      isBodyWanted: request.method === 'GET',
    });
    return { status: 200, headers: objectHeaders(state), body: content };
  },
};

/** What an answer says of an object, in the order in which it is sent. */
export function objectHeaders(state: ObjectState): Headers {
  return {
    ...state.fixedMetadata,
    ...state.metadata,
    'content-type': state.contentType,
    etag: state.etag,
    'last-modified': httpDateOf(state.timestamp),
    'x-timestamp': state.timestamp,
    'accept-ranges': 'bytes',
  };
}
