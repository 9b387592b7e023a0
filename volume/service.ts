import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { ServiceSession } from '../auth/contract.ts';
import { requireToken } from '../auth/guard/authenticate.ts';
import type { TokenVerifier } from '../auth/guard/contract.ts';
import { createPolicy, type PolicyOverrides } from '../auth/guard/policy.ts';
import type { Clock } from '../common/clock.ts';
import { createApp, type Service } from '../common/http/app.ts';
import type { KeyValueStore } from '../common/kv/contract.ts';
import type { Logger } from '../common/log.ts';
import { createImageClient } from '../image/client.ts';
import { renderFault } from '../openstack/faults.ts';
import { microversionHeaders } from '../openstack/microversions.ts';
import { COMPUTE_REQUEST_ID_HEADERS, newRequestId } from '../openstack/request-id.ts';
import { recover } from './actions/recover.ts';
import type { VolumeConfig } from './config.ts';
import { openPools } from './drivers/open-pools.ts';
import { type RunCommand, runCommand } from './drivers/run-command.ts';
import { notFound } from './errors.ts';
import { JobRunner } from './jobs/job-runner.ts';
import { runOperation } from './jobs/run-operation.ts';
import { MOST_BODY_BYTES } from './limits.ts';
import type { VolumeParts } from './parts.ts';
import { DEFAULT_POLICIES } from './policies.ts';
import { attachmentRoutes } from './routes/attachments.ts';
import { cloudRoutes } from './routes/cloud.ts';
import { callerOf, param, VERSIONS, versionOf } from './routes/context.ts';
import { discoveryRoutes } from './routes/discovery.ts';
import { notBuiltRoutes } from './routes/not-built.ts';
import { quotaRoutes } from './routes/quotas.ts';
import { typeRoutes } from './routes/types.ts';
import { volumeActionRoutes } from './routes/volume-actions.ts';
import { volumeMetadataRoutes } from './routes/volume-metadata.ts';
import { volumeRoutes } from './routes/volumes.ts';
import { KeyedQueue } from './store/keyed-queue.ts';
import { QuotaStore } from './store/quotas.ts';
import { VolumeTypeStore } from './store/types.ts';
import { VolumeStore } from './store/volumes.ts';
import type { IscsiTargets } from './targets/contract.ts';

export interface VolumeServiceDeps {
  config: VolumeConfig;
  store: KeyValueStore;
  verifier: TokenVerifier;
  /** Login of the service user `cinder`. */
  session: ServiceSession;
  targets: IscsiTargets;
  clock: Clock;
  logger: Logger;
  /** Absolute path; volumes and the image spool live below it. */
  dataFolder: string;
  /** Value of `WWW-Authenticate` on a 401. */
  wwwAuthenticate?: string;
  policyOverrides?: Record<string, string> | PolicyOverrides;
  /** Runs LVM and qemu-img; the machine's own unless told. */
  runCommand?: RunCommand;
}

export interface VolumeService extends Service {
  /** Returns when no operation of a volume runs: for tests and orderly tools. */
  operationsEnded(): Promise<void>;
}

/** The Block Storage service: built, not listening. */
export function buildVolume(deps: VolumeServiceDeps): VolumeService {
  const run = deps.runCommand ?? runCommand;
  const jobs = new JobRunner({ logger: deps.logger, execute: (job) => runOperation(parts, job) });
  const parts: VolumeParts = {
    config: deps.config,
    clock: deps.clock,
    logger: deps.logger,
    policy: createPolicy(DEFAULT_POLICIES, deps.policyOverrides),
    volumes: new VolumeStore(deps.store, deps.clock),
    types: new VolumeTypeStore(deps.store, deps.clock, deps.config.default_volume_type),
    quotas: new QuotaStore(deps.store, deps.config.quota),
    pools: openPools(deps.config, deps.dataFolder, run),
    targets: deps.targets,
    images: createImageClient({ endpoint: () => deps.session.endpoint('image') }),
    session: deps.session,
    run,
    spoolFolder: join(deps.dataFolder, 'volume-spool'),
    startOperation: (volumeId, token) => jobs.start(volumeId, token),
    exportQueue: new KeyedQueue(),
    quotaQueue: new KeyedQueue(),
  };
  return {
    app: buildApp(deps, parts),
    start: async () => {
      await startParts(parts);
      for (const volumeId of await recover(parts)) jobs.resume(volumeId);
    },
    stop: () => jobs.stop(),
    operationsEnded: () => jobs.idle(),
  };
}

function buildApp(deps: VolumeServiceDeps, parts: VolumeParts): FastifyInstance {
  const app = createApp({
    logger: deps.logger,
    renderError: renderFault,
    newRequestId,
    requestIdHeaders: COMPUTE_REQUEST_ID_HEADERS,
    mostBodyBytes: MOST_BODY_BYTES,
  });
  requireToken(app, {
    verifier: deps.verifier,
    serviceType: 'block-storage',
    isPublic: (path) => path === '/' || path === '/healthcheck',
    wwwAuthenticate: deps.wwwAuthenticate ?? 'Keystone',
  });
  discoveryRoutes(app);
  for (const prefix of ['/v3', '/v3/:project_id']) {
    app.register(
      async (api) => {
        useMicroversions(api);
        refuseOtherProjects(api, parts);
        for (const routes of RESOURCES) routes(api, parts);
      },
      { prefix },
    );
  }
  return app;
}

const RESOURCES: readonly ((app: FastifyInstance, parts: VolumeParts) => void)[] = [
  volumeRoutes,
  volumeMetadataRoutes,
  volumeActionRoutes,
  attachmentRoutes,
  typeRoutes,
  quotaRoutes,
  cloudRoutes,
  notBuiltRoutes,
];

/** Every answer, errors included, says the version it was made in. */
function useMicroversions(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(microversionHeaders(versionOf(request), VERSIONS));
  });
}

/** A project in the URL is the token's: no other can be asked for that way, by nobody. */
function refuseOtherProjects(app: FastifyInstance, parts: VolumeParts): void {
  app.addHook('onRequest', async (request) => {
    const asked = param(request, 'project_id');
    if (asked !== '' && asked !== callerOf(request, parts).projectId) throw notFound('The resource');
  });
}

async function startParts(parts: VolumeParts): Promise<void> {
  // What lies in the spool is of a conversion that was cut off: it begins anew.
  await rm(parts.spoolFolder, { recursive: true, force: true });
  await mkdir(parts.spoolFolder, { recursive: true, mode: 0o700 });
  for (const { name, driver } of parts.pools) {
    try {
      await driver.start();
    } catch (error) {
      // The other pools work all the same; the scheduler does not choose this one.
      parts.logger.error({ err: error, pool: name }, 'a volume backend cannot be used');
    }
  }
  await parts.volumes.load();
  await parts.types.ensureDefault();
}
