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
    description: 'Most reads of small objects that one thread has under way on one device. Count.',
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
  checkpoint_interval_ms: Type.Integer({
    default: 10_000,
    minimum: 10,
    maximum: 3_600_000,
    description: 'How often it is noted what recovery need not look at, while there are writes, milliseconds.',
  }),
  housekeeping_percent: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 100,
    description: 'Most time of one thread that goes into compaction of all devices, percent; more where space is low.',
  }),
  compact_percent: Type.Integer({
    default: 40,
    minimum: 1,
    maximum: 99,
    description: 'Part of a slab segment that must be dead before what is alive is moved out of it, percent.',
  }),
  reclaim_age_s: Type.Integer({
    default: 604_800,
    minimum: 0,
    maximum: 315_360_000,
    description: 'How long deletions are remembered, seconds.',
  }),
});

export type ObjectServerConfig = Static<typeof objectServerConfigSchema>;
