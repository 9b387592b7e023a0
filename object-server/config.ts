import { type Static, Type } from '@sinclair/typebox';

/** The `object-server` part of the configuration. */
export const objectServerConfigSchema = Type.Object({
  reserve_percent: Type.Number({
    default: 1,
    minimum: 0,
    maximum: 90,
    description: 'Part of each device that is kept free: below it, uploads are refused with 507. Percent of its size.',
  }),
  io_in_flight: Type.Integer({
    default: 16,
    minimum: 1,
    maximum: 1024,
    description: 'Most file operations of one thread that run on one device at once. Count.',
  }),
  listing_timeout_ms: Type.Integer({
    default: 5000,
    minimum: 1,
    maximum: 60_000,
    description: 'How long a write waits to be listed before it is acknowledged and listed later, milliseconds.',
  }),
  update_interval_ms: Type.Integer({
    default: 5000,
    minimum: 10,
    maximum: 3_600_000,
    description: 'How often listing updates that got no answer are sent again, milliseconds.',
  }),
});

export type ObjectServerConfig = Static<typeof objectServerConfigSchema>;
