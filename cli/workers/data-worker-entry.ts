import { join } from 'node:path';
import { workerData } from 'node:worker_threads';
import type { FastifyInstance } from 'fastify';
import { createCachingSigners } from '../../auth/guard/caching-signers.ts';
import { createCachingVerifier } from '../../auth/guard/caching-verifier.ts';
import { createSharedEpoch } from '../../auth/guard/shared-epoch.ts';
import { systemClock } from '../../common/clock.ts';
import { invariant } from '../../common/errors.ts';
import type { Service } from '../../common/http/app.ts';
import { createLogger } from '../../common/log.ts';
import { rpcClient, serveRpc } from '../../common/rpc/port-rpc.ts';
import { openContainerChanges } from '../../container-server/changes.ts';
import { openListingReader } from '../../container-server/reader.ts';
import { openTakenRows } from '../../container-server/taken-rows.ts';
import { WrittenWatch } from '../../container-server/written-watch.ts';
import { buildObjectServer } from '../../object-server/service.ts';
import { openObjectStore } from '../../object-server/store.ts';
import { loadErasureCodec, needsErasureCodec } from '../../proxy/erasure/codec.ts';
import { buildProxy, type ProxyDeps } from '../../proxy/service.ts';
import { ringOf } from '../../ring/lookup.ts';
import { createNodeDirectory } from '../node-directory.ts';
import { SyncRealmsFile } from '../sync-realms-file.ts';
import type { DataWorkerSetup, ListenPlan, MainCalls, SocketSpec, WorkerCalls } from './contract.ts';
import { DrainGate } from './drain-gate.ts';
import { workerListings } from './worker-listings.ts';

/** One data worker: a whole proxy with its node's devices in process. It shares the ring and the epoch with the others, nothing else. */
const setup = workerData as DataWorkerSetup;
const logger = createLogger(setup.logLevel);
const main = rpcClient<MainCalls>(setup.main).remote;
const gate = new DrainGate();

const devices = setup.node.devices.map((name) => ({ name, path: join(setup.dataPath, 'devices', name) }));
const reader = await openListingReader({ devices, logger });
const taken = openTakenRows(setup.node.devices, setup.takenRows);
const written = new WrittenWatch(taken, setup.objectServer.listing_timeout_ms);
const listings = workerListings({ reads: reader, writes: main, taken, written });

const directory = createNodeDirectory({
  node: setup.node,
  clusterKey: setup.secrets.clusterKey,
  clock: systemClock,
  localListings: () => listings,
});
const objects = openObjectStore({
  devices: devices.map((device) => ({ ...device, share: setup.deviceShares[device.name] })),
  lane: setup.index,
  clock: systemClock,
  logger,
  config: setup.objectServer,
  listingStoreAt: directory.listingStoreAt,
  housekeeping: setup.index === 0,
});

const realmsFile = new SyncRealmsFile(setup.proxy.container_sync.realms, setup.syncRealms, logger);
realmsFile.watch();

const started: Service[] = [];

const calls: WorkerCalls = {
  openDevices: () => objects.start(),
  async listen(plan: ListenPlan) {
    return {
      ...(plan.proxy ? { proxy: await serve(await buildProxyService(), plan.proxy) } : {}),
      ...(plan.objectServer ? { objectServer: await serve(buildObjectService(), plan.objectServer) } : {}),
    };
  },
  async drain(limitMs) {
    await gate.drain(limitMs);
    for (const service of started.reverse()) await service.stop();
  },
  async closeDevices() {
    await written.idle(); // what is known to be durable need not be sent again at the next start
    await objects.stop();
    // The main thread, which opened the listings first, closes them last: the cache that all read through is its.
    await reader.close();
  },
};
serveRpc<WorkerCalls>(setup.control, calls);

async function buildProxyService(): Promise<Service> {
  return buildProxy({
    config: setup.proxy,
    logger,
    clock: systemClock,
    rings: openRings(),
    objectStoreAt: directory.objectStoreAt(objects),
    listingStoreAt: directory.listingStoreAt,
    isLocal: directory.isLocal,
    containerChanges: openContainerChanges(setup.containerChanges),
    rateMemory: setup.rateMemory,
    verifier: createCachingVerifier({
      verifier: { verify: (token) => main.verify(token) },
      epoch: createSharedEpoch(setup.epoch),
      clock: systemClock,
    }),
    signers: createCachingSigners({
      signers: { find: (access, scope) => main.findSigner(access, scope) },
      epoch: createSharedEpoch(setup.epoch),
      clock: systemClock,
    }),
    identity: { authUrl: setup.authUrl },
    rootSecrets: setup.rootSecrets,
    syncRealms: () => realmsFile.current(),
    erasure: needsErasureCodec(setup.proxy.policies) ? await loadErasureCodec() : undefined,
    daemonsOf: setup.index === 0 ? `${setup.node.address}:${setup.node.objectPort}` : undefined,
    storageUrl: () => setup.publicProxyUrl,
  });
}

function openRings(): ProxyDeps['rings'] {
  invariant(setup.rings !== undefined, 'a proxy has rings');
  const hashPath = { prefix: setup.secrets.hashPathPrefix, suffix: setup.secrets.hashPathSuffix };
  const objectRings = new Map(
    setup.rings.objects.map(({ policyIndex, ring }) => [policyIndex, ringOf(ring, hashPath)]),
  );
  return {
    account: ringOf(setup.rings.account, hashPath),
    container: ringOf(setup.rings.container, hashPath),
    object(policyIndex) {
      const ring = objectRings.get(policyIndex);
      invariant(ring !== undefined, `no ring of policy ${policyIndex}`);
      return ring;
    },
  };
}

function buildObjectService(): Service {
  return buildObjectServer({ store: objects, clusterKey: setup.secrets.clusterKey, clock: systemClock, logger });
}

async function serve(service: Service, socket: SocketSpec): Promise<number> {
  await service.start();
  started.push(service);
  await service.app.ready();
  gate.guard(service.app.server);
  return listen(service.app, socket);
}

/** Listens and tells the socket's descriptor, by which other threads listen on the same socket. */
function listen(app: FastifyInstance, socket: SocketSpec): Promise<number> {
  return new Promise((resolve, reject) => {
    app.server.once('error', reject);
    app.server.listen(socket, () => {
      app.server.off('error', reject);
      const handle = Reflect.get(app.server, '_handle') as { fd: number };
      resolve(handle.fd);
    });
  });
}
