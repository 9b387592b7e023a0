import type { Static, TObject, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { badRequest } from './errors.ts';
import { MOST_EXTRA_ATTRIBUTES } from './limits.ts';
import type { Extra } from './store/records.ts';

/**
 * A request body as its schema says.
 *
 * @throws ApiError 400 naming the field at fault.
 */
export function parseBody<S extends TSchema>(schema: S, body: unknown): Static<S> {
  if (Value.Check(schema, body)) return body;
  const error = Value.Errors(schema, body).First();
  const field = error?.path.split('/').filter(Boolean).join('.');
  throw badRequest(
    field
      ? `Invalid input for field '${field}': ${error?.message}.`
      : `The request body is invalid: ${error?.message}.`,
  );
}

/**
 * The attributes of a resource that its schema does not know: kept, and given back.
 *
 * @throws ApiError 400 for too many.
 */
export function extraOf(schema: TObject, attributes: object): Extra {
  const extra = Object.entries(attributes).filter(
    ([key]) => !Object.hasOwn(schema.properties, key) && !RESERVED.has(key),
  );
  if (extra.length > MOST_EXTRA_ATTRIBUTES)
    throw badRequest(`More than ${MOST_EXTRA_ATTRIBUTES} additional attributes.`);
  return Object.fromEntries(extra);
}

/** Extra attributes after an update: null removes one, as Keystone does. */
export function mergedExtra(before: Extra, changes: Extra): Extra {
  const merged = Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null);
  if (merged.length > MOST_EXTRA_ATTRIBUTES)
    throw badRequest(`More than ${MOST_EXTRA_ATTRIBUTES} additional attributes.`);
  return Object.fromEntries(merged);
}

/** What the server says of a resource, whatever a client sends. */
const RESERVED = new Set(['id', 'links', '__proto__', 'constructor']);
