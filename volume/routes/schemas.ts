import { type TSchema, Type } from '@sinclair/typebox';
import { invalidInput } from '../errors.ts';
import { MOST_METADATA_ITEMS, MOST_TEXT_LENGTH } from '../limits.ts';

/*
 * Pieces of request bodies. Spec: Block Storage API v3, request parameters.
 */

export const text = Type.String({ maxLength: MOST_TEXT_LENGTH });
export const uuid = Type.String({ pattern: '^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$' });
export const metadata = Type.Record(Type.String({ pattern: '^.{1,255}$' }), text, {
  maxProperties: MOST_METADATA_ITEMS,
  additionalProperties: false,
});
export const booleanLike = Type.Union([
  Type.Boolean(),
  Type.String({ pattern: '^([Tt]rue|TRUE|[Ff]alse|FALSE|1|0|yes|no|on|off)$' }),
]);
/** A whole number above 0, as a number or as its digits. */
export const sizeLike = Type.Union([Type.Integer({ minimum: 1 }), Type.String({ pattern: '^[0-9]{1,9}$' })]);

export function orNull<S extends TSchema>(schema: S) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

/** @throws ApiError 400 for zero. */
export function toSize(value: number | string): number {
  const size = Number(value);
  if (!Number.isInteger(size) || size < 1)
    throw invalidInput(`Volume size '${value}' must be an integer and greater than 0`);
  return size;
}

export function toBoolean(value: boolean | string): boolean {
  return typeof value === 'boolean' ? value : ['true', '1', 'yes', 'on'].includes(value.toLowerCase());
}
