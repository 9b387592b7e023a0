import { removeObject } from '../actions/change-object.ts';
import { HTML, refusal } from '../errors.ts';
import type { Exchange, StraightServices } from './exchange.ts';
import { openPlainContainer } from './plain-container.ts';

const HEAD = ['Content-Type', HTML];

/**
 * Serves a DELETE of an object in a container that this thread knows without asking.
 *
 * @returns undefined where it does not apply: nothing was sent.
 */
export function plainDelete(exchange: Exchange, services: StraightServices): Promise<void> | undefined {
  const container = openPlainContainer(exchange, services, 'writeAcl');
  return container && remove(exchange, services, container.policyIndex);
}

async function remove(exchange: Exchange, services: StraightServices, policyIndex: number): Promise<void> {
  const { existed } = await removeObject(services.cluster, { ...exchange.request.path, policyIndex });
  if (!existed) throw refusal(404);
  exchange.answer(204, HEAD, undefined, undefined);
}
