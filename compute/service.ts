import { join } from 'node:path';
import type { ServiceSession } from '../auth/contract.ts';
import { requireToken } from '../auth/guard/authenticate.ts';
import type { TokenVerifier } from '../auth/guard/contract.ts';
import { createPolicy, type PolicyOverrides } from '../auth/guard/policy.ts';
import type { Clock } from '../common/clock.ts';
import { createApp, type Service } from '../common/http/app.ts';
import type { KeyValueStore } from '../common/kv/contract.ts';
import type { Logger } from '../common/log.ts';
import type { ImageClient } from '../image/contract.ts';
import { renderFault } from '../openstack/faults.ts';
import { COMPUTE_REQUEST_ID_HEADERS, newRequestId } from '../openstack/request-id.ts';
import { recover } from './actions/recover.ts';
import type { ComputeConfig } from './config.ts';
import type { ComputeContext, VolumeClient } from './context.ts';
import type { Hypervisor } from './hypervisor/contract.ts';
import { FakeHypervisor } from './hypervisor/fake.ts';
import { QemuHypervisor } from './hypervisor/qemu/driver.ts';
import { MOST_BODY_BYTES } from './limits.ts';
import { negotiateMicroversions } from './microversions.ts';
import { ServerOperations } from './operations.ts';
import { DEFAULT_POLICIES } from './policies.ts';
import { cloudRoutes } from './routes/cloud.ts';
import { discoveryRoutes } from './routes/discovery.ts';
import { flavorRoutes } from './routes/flavors.ts';
import { keypairRoutes } from './routes/keypairs.ts';
import { newServerRoute } from './routes/new-server.ts';
import { serverActionRoutes } from './routes/server-actions.ts';
import { serverMetadataRoutes } from './routes/server-metadata.ts';
import { serverRoutes } from './routes/servers.ts';
import { volumeAttachmentRoutes } from './routes/volume-attachments.ts';
import { ensureFlavors } from './store/flavors.ts';
import { openTables } from './store/tables.ts';

export interface ComputeDeps {
  config: ComputeConfig;
  store: KeyValueStore;
  verifier: TokenVerifier;
  /** Login of the service user `nova`, which holds the role `service`. */
  session: ServiceSession;
  /** The functions of `volume/client.ts`. */
  volumes: VolumeClient;
  images: ImageClient;
  /** What runs the servers; made from the configuration unless given. */
  hypervisor?: Hypervisor;
  clock: Clock;
  logger: Logger;
  /** Martlet's data folder: the servers' folders are in `instances` of it. */
  dataFolder: string;
  /** Base URL of the identity API, for `WWW-Authenticate`. */
  authUrl: string;
  policyOverrides?: Record<string, string> | PolicyOverrides;
}

const PUBLIC_PATHS = new Set(['/', '/healthcheck', '/v2.1', '/v2.1/']);

/** The compute API: as much of Nova as it takes to attach a volume to a real virtual machine. */
export function buildCompute(deps: ComputeDeps): Service {
  const { config, logger } = deps;
  const instancesFolder = join(deps.dataFolder, 'instances');
  const context: ComputeContext = {
    config,
    tables: openTables(deps.store),
    hypervisor: deps.hypervisor ?? hypervisorOf(deps, instancesFolder),
    volumes: deps.volumes,
    images: deps.images,
    session: deps.session,
    policy: createPolicy(DEFAULT_POLICIES, deps.policyOverrides),
    clock: deps.clock,
    logger,
    instancesFolder,
    operations: new ServerOperations(),
  };
  const app = createApp({
    logger,
    renderError: renderFault,
    newRequestId,
    requestIdHeaders: COMPUTE_REQUEST_ID_HEADERS,
    mostBodyBytes: MOST_BODY_BYTES,
  });
  requireToken(app, {
    verifier: deps.verifier,
    serviceType: 'compute',
    isPublic: (path) => PUBLIC_PATHS.has(path),
    wwwAuthenticate: `Keystone uri="${deps.authUrl}"`,
  });
  negotiateMicroversions(app);
  discoveryRoutes(app);
  newServerRoute(app, context);
  for (const routes of [
    serverRoutes,
    serverActionRoutes,
    serverMetadataRoutes,
    volumeAttachmentRoutes,
    flavorRoutes,
    keypairRoutes,
    cloudRoutes,
  ])
    routes(app, context);
  return {
    app,
    async start() {
      await ensureFlavors(context);
      await recover(context);
    },
    async stop() {
      context.operations.interruptAll();
      await context.hypervisor.release(); // ends what waits for a guest; the next start goes on with it
      await context.operations.ended();
    },
  };
}

function hypervisorOf({ config, logger }: ComputeDeps, root: string): Hypervisor {
  return config.hypervisor === 'fake'
    ? new FakeHypervisor(config.initiator_prefix)
    : new QemuHypervisor({ config, root, logger });
}
