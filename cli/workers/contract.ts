import type { MessagePort } from 'node:worker_threads';
import type { Identity, Signer } from '../../auth/guard/contract.ts';
import type { LogLevel } from '../../common/log.ts';
import type { ListingStore } from '../../container-server/contract.ts';
import type { ListingReads } from '../../container-server/reader.ts';
import type { LocalListingStore } from '../../container-server/store.ts';
import type { ObjectServerConfig } from '../../object-server/config.ts';
import type { ProxyConfig } from '../../proxy/config.ts';
import type { RootSecrets } from '../../proxy/encryption/root-secrets.ts';
import type { SyncRealms } from '../../proxy/sync/realms.ts';
import type { ClusterSecrets } from '../cluster-secrets.ts';
import type { NodeFile } from '../node-file.ts';
import type { NodeRings } from '../node-rings.ts';

/** What a data worker is told when it is made. Plain data, shared memory and ports: it crosses into another thread. */
export interface DataWorkerSetup {
  /** 0, 1, …: worker 0 opens the sockets, and alone cleans up after a crash and sends pending listing updates. */
  index: number;
  dataPath: string;
  logLevel: LogLevel;
  node: NodeFile;
  secrets: ClusterSecrets;
  /** Undefined on a node without a proxy: storage nodes are told by each request what goes where. */
  rings: NodeRings | undefined;
  proxy: ProxyConfig;
  /** For encryption at rest; undefined where it is not configured. */
  rootSecrets: RootSecrets | undefined;
  /** For container sync. */
  syncRealms: SyncRealms;
  objectServer: ObjectServerConfig;
  /** Shared revocation count. */
  epoch: SharedArrayBuffer;
  /** By device: what the threads that open it share. */
  deviceShares: Readonly<Record<string, SharedArrayBuffer>>;
  /** Shared counts of changes to this node's containers: `openContainerChanges(containerChanges)`. */
  containerChanges: SharedArrayBuffer;
  /** What requests have been done how often: `newRateMemory()`. */
  rateMemory: SharedArrayBuffer;
  /** Rows of this node's listings that are not written yet: `openTakenRows(node.devices, takenRows)`. */
  takenRows: SharedArrayBuffer;
  /** Identity API, for the legacy login. */
  authUrl: string;
  /** Base of the storage URLs that clients are told. */
  publicProxyUrl: string;
  /** Answered by the main thread. */
  main: MessagePort;
  /** Answered by the worker. */
  control: MessagePort;
}

/** Changes of this node's listings; objects' updates as one text. */
export type ListingWrites = Omit<ListingStore, keyof ListingReads | 'applyObjectUpdates' | 'takeObjectUpdates'> &
  Pick<LocalListingStore, 'applyPackedUpdates' | 'takePackedUpdates' | 'writeTaken'>;

/** The main thread, as a worker calls it. */
export interface MainCalls extends ListingWrites {
  verify(token: string): Promise<Identity | undefined>;
  findSigner(access: string, scope: string | undefined): Promise<Signer | undefined>;
}

/** A socket: to be opened (worker 0), or already open in this process. */
export type SocketSpec = { host: string; port: number } | { fd: number };

export interface ListenPlan {
  proxy?: SocketSpec;
  objectServer?: SocketSpec;
}

/** A worker, as the main thread calls it. */
export interface WorkerCalls {
  /** Worker 0 first: it recovers what a crash left. */
  openDevices(): Promise<void>;
  /** @returns the sockets' file descriptors. @throws with the system's error where a port cannot be had. */
  listen(plan: ListenPlan): Promise<{ proxy?: number; objectServer?: number }>;
  /** Refuses new requests with 503, waits for running ones up to the limit. */
  drain(limitMs: number): Promise<void>;
  /** Worker 0 last: it notes what the others have written. */
  closeDevices(): Promise<void>;
}
