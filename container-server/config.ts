import { type Static, Type } from '@sinclair/typebox';

/** The `container-server` part of the configuration. */
export const containerServerConfigSchema = Type.Object({
  reclaim_age_s: Type.Integer({
    default: 604_800,
    minimum: 60,
    maximum: 315_360_000,
    description: 'How long a deleted row is remembered, so that nothing replayed brings it back, seconds.',
  }),
  report_interval_ms: Type.Integer({
    default: 300,
    minimum: 10,
    maximum: 600_000,
    description: 'How long changed counts of containers are gathered before their accounts are told, milliseconds.',
  }),
  report_timeout_ms: Type.Integer({
    default: 3000,
    minimum: 10,
    maximum: 60_000,
    description:
      'How long one report to an account replica may take; creating a container waits no longer, milliseconds.',
  }),
});

export type ContainerServerConfig = Static<typeof containerServerConfigSchema>;
