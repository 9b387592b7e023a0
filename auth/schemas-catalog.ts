import { type Static, Type } from '@sinclair/typebox';
import { MOST_BLOB_LENGTH, MOST_LONG_NAME } from './limits.ts';

/** Bodies of the parts of the identity API that describe the cloud: limits, endpoint groups, stored texts. */

const id = Type.String({ minLength: 1, maxLength: MOST_LONG_NAME });
const name = Type.String({ minLength: 1, maxLength: MOST_LONG_NAME, pattern: '\\S' });
const description = Type.Optional(Type.Union([Type.String({ maxLength: 16_384 }), Type.Null()]));
const orNull = Type.Optional(Type.Union([id, Type.Null()]));
const count = Type.Integer({ minimum: -1, maximum: 2_147_483_647 });
/** Of one request: all of them are one batch of the store. */
const MOST_AT_ONCE = 16;

const registeredLimit = Type.Object(
  { service_id: id, region_id: orNull, resource_name: name, default_limit: count, description },
  { additionalProperties: false },
);
export type RegisteredLimitBody = Static<typeof registeredLimit>;
export const registeredLimitsBody = Type.Object({
  registered_limits: Type.Array(registeredLimit, { minItems: 1, maxItems: MOST_AT_ONCE }),
});
const registeredLimitUpdate = Type.Partial(registeredLimit, { additionalProperties: false });
export type RegisteredLimitUpdate = Static<typeof registeredLimitUpdate>;
export const registeredLimitUpdateBody = Type.Object({ registered_limit: registeredLimitUpdate });

const limit = Type.Object(
  {
    service_id: id,
    region_id: orNull,
    project_id: Type.Optional(id),
    domain_id: Type.Optional(id),
    resource_name: name,
    resource_limit: count,
    description,
  },
  { additionalProperties: false },
);
export type LimitBody = Static<typeof limit>;
export const limitsBody = Type.Object({ limits: Type.Array(limit, { minItems: 1, maxItems: MOST_AT_ONCE }) });
const limitUpdate = Type.Object(
  { resource_limit: Type.Optional(count), description },
  { additionalProperties: false, minProperties: 1 },
);
export type LimitUpdate = Static<typeof limitUpdate>;
export const limitUpdateBody = Type.Object({ limit: limitUpdate });

export const endpointGroup = Type.Object({
  name,
  description,
  filters: Type.Object(
    {
      service_id: Type.Optional(id),
      region_id: Type.Optional(id),
      interface: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('internal'), Type.Literal('admin')])),
      enabled: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
});
export type EndpointGroupBody = Static<typeof endpointGroup>;

export const storedPolicy = Type.Object({
  type: name,
  blob: Type.Union([Type.String({ maxLength: MOST_BLOB_LENGTH }), Type.Record(Type.String(), Type.Unknown())]),
});
export const consumer = Type.Object({ description });

const option = Type.Union([Type.String({ maxLength: 4096 }), Type.Number(), Type.Boolean(), Type.Null()]);
export const domainConfigBody = Type.Object({
  config: Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), { maxProperties: 8 }),
});
export const configGroup = Type.Record(Type.String({ maxLength: 128 }), option, { maxProperties: 200 });
