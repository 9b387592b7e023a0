import type { Static, TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { ApiError } from '../../common/errors.ts';

const ajv = new Ajv({ strict: false, verbose: true, coerceTypes: false });
const compiled = new WeakMap<TSchema, ValidateFunction>();

/** A parsed body. @throws ApiError 400 that names the field, its value and what it must be, in Cinder's words. */
export function parseBody<S extends TSchema>(schema: S, body: unknown): Static<S> {
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  if (validate(body)) return body as Static<S>;
  throw new ApiError({ status: 400, code: 'ValidationError', message: explain(validate.errors ?? [], body) });
}

function explain(errors: readonly ErrorObject[], body: unknown): string {
  if (typeof body !== 'object' || body === null) return 'Missing required element in the request body.';
  // The alternatives of a union fail one by one: the last error is of the union itself.
  const error = errors.at(-1);
  if (!error) return 'The request body is invalid.';
  const field = error.instancePath.split('/').at(-1) ?? '';
  if (error.keyword === 'additionalProperties')
    return `Additional properties are not allowed ('${error.params['additionalProperty']}' was unexpected)`;
  if (error.keyword === 'required') return `'${error.params['missingProperty']}' is a required property`;
  const values: unknown[] = errors.flatMap(({ params }) => params['allowedValue'] ?? params['allowedValues'] ?? []);
  const wanted = values.length > 0 ? `${values.join(', ')} is what it may be` : error.message;
  return `Invalid input for field/attribute ${field}. Value: ${shown(error.data)}. ${shown(error.data)} ${wanted}`;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'None').slice(0, 80);
}
