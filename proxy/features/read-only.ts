import type { ProxyConfig } from '../config.ts';
import { refusal } from '../errors.ts';
import type { Feature } from '../message.ts';
import type { Services } from '../routes/route.ts';

/** Whether the operator allows no such request now. */
export function isReadOnly(
  { read_only: { enabled, allow_deletes: allowsDeletes } }: ProxyConfig,
  method: string,
): boolean {
  if (!enabled) return false;
  return method === 'PUT' || method === 'POST' || method === 'COPY' || (method === 'DELETE' && !allowsDeletes);
}

/**
 * Refuses writes while the operator wants none, of whomever.
 *
 * Spec: Swift, "Read Only".
 */
export function readOnly({ config }: Services): Feature {
  return (next) => async (request) => {
    if (isReadOnly(config, request.method)) throw refusal(405, { body: 'Writes are disabled for this account.' });
    return next(request);
  };
}
