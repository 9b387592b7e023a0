import type { Static, TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { badRequest } from './errors.ts';

const ajv = new Ajv({ coerceTypes: true, useDefaults: true, allowUnionTypes: true });
const compiled = new Map<TSchema, ValidateFunction>();

/**
 * An untrusted body as the schema's type; texts that are numbers or booleans become them, as Nova allows.
 *
 * @throws ApiError 400 naming the field.
 */
export function parseBody<T extends TSchema>(schema: T, body: unknown): Static<T> {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv.compile(schema);
    compiled.set(schema, validate);
  }
  if (!validate(body)) throw badRequest(explain(validate.errors?.[0]));
  return body as Static<T>;
}

function explain(error: ErrorObject | undefined): string {
  const path = error?.instancePath.slice(1).replaceAll('/', '.') || 'body';
  const extra: unknown = error?.params['additionalProperty'];
  const named = typeof extra === 'string' ? ` ('${extra.slice(0, 64)}' was unexpected)` : '';
  return `Invalid input for field/attribute ${path}: ${error?.message ?? 'it is malformed'}${named}`;
}
