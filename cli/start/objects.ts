import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerChanges, openContainerChanges } from '../../container-server/changes.ts';
import { buildContainerServer } from '../../container-server/service.ts';
import { type LocalListingStore, openListingStore } from '../../container-server/store.ts';
import { openTakenRows, type TakenRows } from '../../container-server/taken-rows.ts';
import { openDeviceShare } from '../../object-server/engine/shared-state.ts';
import { newRateMemory } from '../../proxy/backend/rate-slots.ts';
import type { RootSecrets } from '../../proxy/encryption/root-secrets.ts';
import type { SyncRealms } from '../../proxy/sync/realms.ts';
import { createNodeDirectory } from '../node-directory.ts';
import type { NodeRings } from '../node-rings.ts';
import type { MainCalls } from '../workers/contract.ts';
import { startWorkers, type WorkerPool } from '../workers/worker-pool.ts';
import { listenTo } from './listen.ts';
import type { Running, TrustingNode } from './node.ts';

export interface NodeListings {
  store: LocalListingStore;
  changes: ContainerChanges;
  taken: TakenRows;
}

/** The listing thread's part: one writer for all listings of this node, on the main thread. */
export async function openListings(node: TrustingNode): Promise<NodeListings> {
  const changes = openContainerChanges();
  const taken = openTakenRows(node.file.devices);
  for (const name of node.file.devices)
    await mkdir(join(node.dataPath, 'devices', name), { recursive: true, mode: 0o700 });
  const directory = createNodeDirectory({
    node: node.file,
    clusterKey: node.secrets.clusterKey,
    clock: node.clock,
    localListings: () => store,
  });
  const store: LocalListingStore = await openListingStore({
    devices: node.file.devices.map((name) => ({ name, path: join(node.dataPath, 'devices', name) })),
    clock: node.clock,
    logger: node.logger,
    config: node.config['container-server'],
    listingStoreAt: directory.listingStoreAt,
    changes,
    taken,
  });
  await store.start();
  return { store, changes, taken };
}

/** Serves this node's listings to other nodes. */
export async function serveListings(node: TrustingNode, listings: NodeListings): Promise<Running[]> {
  const { clusterKey } = node.secrets;
  const running: Running[] = [];
  for (const name of ['containers', 'accounts'] as const) {
    const service = buildContainerServer({
      store: listings.store,
      clusterKey,
      clock: node.clock,
      logger: node.logger,
    });
    running.push(await listenTo(name, service, node.config.host, node.port(name)));
  }
  return running;
}

/** Starts the data workers with this node's part of the object path. */
export async function startDataPath(
  node: TrustingNode,
  rings: NodeRings | undefined,
  listings: NodeListings,
  options: {
    serveObjects: boolean;
    rootSecrets: RootSecrets | undefined;
    syncRealms: SyncRealms;
    onDeath: (error: Error) => void;
  },
): Promise<Running> {
  const { config } = node;
  const pool: WorkerPool = startWorkers(
    config.workers,
    {
      dataPath: node.dataPath,
      logLevel: config.log_level,
      node: node.file,
      secrets: node.secrets,
      rings,
      proxy: config.proxy,
      rootSecrets: options.rootSecrets,
      syncRealms: options.syncRealms,
      objectServer: config['object-server'],
      epoch: node.epoch.buffer,
      containerChanges: listings.changes.buffer,
      rateMemory: newRateMemory(),
      takenRows: listings.taken.buffer,
      deviceShares: Object.fromEntries(node.file.devices.map((name) => [name, openDeviceShare().buffer])),
      authUrl: node.authUrl,
      publicProxyUrl: node.publicUrl('proxy'),
    },
    mainCallsOf(node, listings.store),
    options.onDeath,
  );
  await pool.openDevices();
  await pool.listen({
    ...(node.services.has('proxy') ? { proxy: { host: config.host, port: node.port('proxy') } } : {}),
    ...(options.serveObjects ? { objectServer: { host: config.host, port: node.port('objects') } } : {}),
  });
  return { name: 'data workers', stop: (limitMs) => pool.drain(limitMs) };
}

/** Only what is named here can be called from a worker. */
function mainCallsOf(node: TrustingNode, listings: LocalListingStore): MainCalls {
  return {
    verify: (token) => node.verifier.verify(token),
    findSigner: (access, scope) => node.signers.find(access, scope),
    updateAccount: (...args) => listings.updateAccount(...args),
    removeAccount: (...args) => listings.removeAccount(...args),
    applyContainerRows: (...args) => listings.applyContainerRows(...args),
    createContainer: (...args) => listings.createContainer(...args),
    updateContainer: (...args) => listings.updateContainer(...args),
    removeContainer: (...args) => listings.removeContainer(...args),
    applyObjectRows: (...args) => listings.applyObjectRows(...args),
    applyPackedUpdates: (...args) => listings.applyPackedUpdates(...args),
    takePackedUpdates: (...args) => listings.takePackedUpdates(...args),
    writeTaken: (...args) => listings.writeTaken(...args),
  };
}
