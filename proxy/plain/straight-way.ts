import type { IncomingMessage, ServerResponse } from 'node:http';
import { mayQuoteEtags } from '../features/etag-quoter.ts';
import { nameFaults } from '../features/name-check.ts';
import { mayBeLimited } from '../features/rate-limit.ts';
import { isReadOnly } from '../features/read-only.ts';
import { Exchange, type StraightServices } from './exchange.ts';
import { plainDelete } from './plain-delete.ts';
import { plainGet } from './plain-get.ts';
import { plainPut } from './plain-put.ts';
import { type PlainRequest, parsePlainRequest } from './plain-request.ts';

/**
 * The straight way of plain requests: GET, HEAD, PUT and DELETE of one object, without a query or a header that could mean something to
 * a feature, by a caller and in a container that this thread knows. It answers what the pipeline would, byte for byte but for
 * transaction id and date, with a fraction of its work. Everything else, refusals before the body included, is the pipeline's.
 *
 * @returns true: answered. A promise: being served; it rejects with what is to be answered. False: nothing has happened.
 */
export type StraightWay = (incoming: IncomingMessage, response: ServerResponse) => boolean | Promise<void>;

export function createStraightWay(services: StraightServices): StraightWay {
  const { config } = services;
  // Features that look at every request, where they are configured.
  const faultOf = nameFaults(config.name_check);
  const mayPass = ({ verb, path }: PlainRequest) =>
    faultOf?.(path) === undefined &&
    !isReadOnly(config, verb) &&
    !mayBeLimited(services, verb, path) &&
    !mayQuoteEtags(services, path.account);
  return (incoming, response) => {
    const request = parsePlainRequest(incoming);
    if (!request || !mayPass(request)) return false;
    const exchange = new Exchange(services, request, incoming, response);
    switch (request.verb) {
      case 'GET':
      case 'HEAD':
        return plainGet(exchange, services);
      case 'PUT':
        return plainPut(exchange, services) ?? false;
      case 'DELETE':
        return plainDelete(exchange, services) ?? false;
    }
  };
}
