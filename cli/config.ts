import { availableParallelism } from 'node:os';
import { type Static, Type } from '@sinclair/typebox';
import { authConfig } from '../auth/config.ts';
import { computeConfig } from '../compute/config.ts';
import { containerServerConfigSchema } from '../container-server/config.ts';
import { imageConfigSchema } from '../image/config.ts';
import { objectServerConfigSchema } from '../object-server/config.ts';
import { proxyConfig } from '../proxy/config.ts';
import { volumeConfig } from '../volume/config.ts';

const MOST_DEFAULT_WORKERS = 4;

/** The whole configuration: one YAML file, a section per service. `docs/configuration.md` is made from it. */
export const configSchema = Type.Object({
  host: Type.String({ default: '127.0.0.1', description: 'Address that all services listen on.' }),
  port_offset: Type.Integer({ default: 0, minimum: 0, maximum: 50_000, description: 'Added to every port.' }),
  public_url: Type.Optional(
    Type.String({
      pattern: '^https?://[^/:]+$',
      description: 'Scheme and host that clients use, without a port; http:// and the host unless given.',
    }),
  ),
  insecure: Type.Boolean({ default: false, description: 'Allow a host other than loopback without TLS.' }),
  workers: Type.Integer({
    default: Math.max(1, Math.min(availableParallelism() - 1, MOST_DEFAULT_WORKERS)), // a core for the main thread and the disks
    minimum: 1,
    maximum: 64,
    description: 'Threads that serve object traffic.',
  }),
  log_level: Type.Union(
    (['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const).map((level) => Type.Literal(level)),
    { default: 'warn', description: 'Least severity that is logged, to standard error.' },
  ),
  shutdown_seconds: Type.Integer({
    default: 30,
    minimum: 0,
    maximum: 3600,
    description: 'How long running requests may take to finish after SIGTERM, seconds.',
  }),
  policy_file: Type.Optional(
    Type.String({
      description: 'YAML file of policy rules that replace the defaults, of all services; read again when it changes.',
    }),
  ),
  auth: authConfig,
  proxy: proxyConfig,
  'object-server': objectServerConfigSchema,
  'container-server': containerServerConfigSchema,
  image: imageConfigSchema,
  volume: volumeConfig,
  compute: computeConfig,
});

export type MartletConfig = Static<typeof configSchema>;
