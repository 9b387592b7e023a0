import type { IncomingMessage } from 'node:http';
import type { SignerDirectory, TokenVerifier } from '../auth/guard/contract.ts';
import type { Clock } from '../common/clock.ts';
import { createApp, type Service } from '../common/http/app.ts';
import type { Logger } from '../common/log.ts';
import { TimestampSource } from '../common/timestamp.ts';
import type { ListingStore } from '../container-server/contract.ts';
import type { ObjectStore } from '../object-server/contract.ts';
import type { Device, Ring } from '../ring/contract.ts';
import { ACCOUNT_PREFIX, createAccessControl, PROJECT_DOMAIN_HEADER, type Reseller } from './access/access-control.ts';
import { AccessLog } from './access-log/access-log.ts';
import { LogFile } from './access-log/log-file.ts';
import { createPolicyObjects } from './actions/coded-objects.ts';
import { noteLifecycle } from './actions/note-lifecycle.ts';
import { readAccountInfo, readContainerInfo } from './actions/read-listing.ts';
import type { Cluster, ContainerChanges } from './backend/cluster.ts';
import { ContainerSizes } from './backend/container-sizes.ts';
import { KnownAccounts } from './backend/known-accounts.ts';
import { KnownContainers } from './backend/known-containers.ts';
import { createPolicies } from './backend/policies.ts';
import { newRateMemory, RateSlots } from './backend/rate-slots.ts';
import type { ProxyConfig } from './config.ts';
import { ContainerSyncer } from './daemons/container-sync.ts';
import { type Duty, DutyRoster } from './daemons/duty.ts';
import { Expirer } from './daemons/expirer.ts';
import { Lifecycle } from './daemons/lifecycle.ts';
import { Reconstructor } from './daemons/reconstructor.ts';
import { type EncryptionOptions, Keyring } from './encryption/keyring.ts';
import type { RootSecrets } from './encryption/root-secrets.ts';
import { type ErasureCodec, needsErasureCodec } from './erasure/codec.ts';
import { renderSwiftError } from './errors.ts';
import { cors } from './features/cors.ts';
import { type CnameResolver, cnameLookup, cnameResolver } from './http/cname-lookup.ts';
import { HostNames } from './http/host-names.ts';
import { createObjectApi } from './http/object-api.ts';
import { serverFactory } from './http/server.ts';
import { newTransactionId, TRANSACTION_ID_HEADERS } from './http/transaction-id.ts';
import { MOST_PLAIN_BODY_BYTES } from './limits.ts';
import type { Handler } from './message.ts';
import { createPipelines } from './pipeline.ts';
import { createStraightWay } from './plain/straight-way.ts';
import type { LegacyIdentity } from './routes/auth-v1.ts';
import { addRoutesOutsideV1 } from './routes/outside-v1.ts';
import type { Services } from './routes/route.ts';
import { createS3Api } from './s3/api.ts';
import type { S3Services } from './s3/message.ts';
import { createSyncPeer } from './sync/peer.ts';
import type { SyncRealms } from './sync/realms.ts';

export interface ProxyDeps {
  config: ProxyConfig;
  logger: Logger;
  clock: Clock;
  rings: { account: Ring; container: Ring; object(policyIndex: number): Ring };
  /** In process for this node's devices, over HTTP for others. */
  objectStoreAt(device: Device): ObjectStore;
  listingStoreAt(device: Device): ListingStore;
  /** Devices of this node are read first; none, unless told. */
  isLocal?(device: Device): boolean;
  verifier: TokenVerifier;
  /** Who signs S3 requests; unless given, nobody. */
  signers?: SignerDirectory;
  /** Asks the domain name system; unless given, the name servers that are configured. */
  cnames?: CnameResolver;
  /** Counts changes of this node's containers; unless given, each request asks about its container. */
  containerChanges?: ContainerChanges;
  /** Shared by the threads of a process, made by `newRateMemory`; unless given, each proxy counts for itself. */
  rateMemory?: SharedArrayBuffer;
  /** Who answers the legacy login. */
  identity: LegacyIdentity;
  /** What the file `proxy.encryption.root_secrets` holds; undefined where there is none. */
  rootSecrets?: RootSecrets | undefined;
  /** What the file `proxy.container_sync.realms` holds by now; unless given, nothing. */
  syncRealms?(): SyncRealms;
  /** Needed where a storage policy codes bodies. */
  erasure?: ErasureCodec | undefined;
  /** What this node is called among those that share the daemons' work, where this proxy, of all of the node, runs its daemons. */
  daemonsOf?: string | undefined;
  /** Public base URL of this API, without `/v1`. */
  storageUrl(): string;
}

/** The Swift API. One is built in each worker thread; none of them shares anything but what it is given. */
export function buildProxy(deps: ProxyDeps): Service {
  const { config, logger, clock } = deps;
  const services = servicesOf(deps);
  const pipelines = createPipelines(services);
  let isClosing = false;
  const clientTimeoutMs = config.client_timeout * 1000;
  const verifyNow = (token: string) => deps.verifier.verifyNow?.(token);
  const hostNames = hostNamesOf(deps);
  const s3Services: S3Services = {
    objects: pipelines.s3,
    containers: services.containers,
    clock,
    region: config.s3.region,
    isOwner: async (request) => (await services.access.decide(request)).owner,
    noteLifecycle: (account, bucket) => noteLifecycle(services.cluster, account, bucket),
    leastPartBytes: config.s3.min_segment_size,
  };
  const daemons = daemonsOf(deps, { services, own: pipelines.own, s3: s3Services });
  const s3 = createS3Api({
    ...s3Services,
    signers: deps.signers ?? { find: async () => undefined },
    cors: cors(services),
    domain: config.s3.domain,
  });
  const api = createObjectApi({
    straightWay: createStraightWay({ ...services, verifyNow, clientTimeoutMs, isClosing: () => isClosing }),
    pipeline: pipelines.swift,
    s3,
    verifier: deps.verifier,
    takesServiceTokens: config.reseller_prefixes.some(({ service_roles: roles }) => roles.length > 0),
    clock,
    logger,
    clientTimeoutMs,
    shownLocation: hostNames && ((request, location) => hostNames.shownLocation(request, location)),
    isClosing: () => isClosing,
  });
  const logFile = config.access_log.path === '' ? undefined : new LogFile(config.access_log.path, logger);
  const accessLog =
    logFile &&
    new AccessLog({
      clock,
      append: (line) => logFile.append(line),
      revealed: config.access_log.reveal_sensitive_prefix,
      policyIndexOf: (account, container) => services.containers.now(account, container)?.policyIndex,
    });
  const app = createApp({
    logger,
    renderError: renderSwiftError,
    newRequestId: (request) => newTransactionId(clock, extraOf(request)),
    requestIdHeaders: TRANSACTION_ID_HEADERS,
    mostBodyBytes: MOST_PLAIN_BODY_BYTES,
    serverFactory: serverFactory({
      api,
      s3,
      hostNames,
      accessLog,
      clock,
      clientTimeoutMs,
      listsEndpoints: config.list_endpoints !== 'nobody',
    }),
  });
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  addRoutesOutsideV1(app, { ...deps, services });
  return {
    app,
    async start() {
      await logFile?.start();
      for (const daemon of daemons) daemon.start();
    },
    async stop() {
      await Promise.all(daemons.map((daemon) => daemon.stop()));
      await api.idle();
      await logFile?.stop();
    },
  };
}

function resellersOf({ operator_roles: operatorRoles, reader_roles: readerRoles, ...config }: ProxyConfig): Reseller[] {
  const others = config.reseller_prefixes.map((other) => ({
    prefix: `${other.prefix}_`,
    operatorRoles: other.operator_roles ?? operatorRoles,
    readerRoles: other.reader_roles,
    serviceRoles: other.service_roles,
  }));
  return [{ prefix: ACCOUNT_PREFIX, operatorRoles, readerRoles, serviceRoles: [] }, ...others];
}

/** What routes and daemons work with. */
export function servicesOf(deps: ProxyDeps): Services {
  const { config, logger, clock } = deps;
  const cluster: Cluster = {
    rings: deps.rings,
    objectStoreAt: deps.objectStoreAt,
    listingStoreAt: deps.listingStoreAt,
    isLocal: deps.isLocal ?? (() => false),
    policies: createPolicies(config.policies),
    timestamps: new TimestampSource(clock),
    clock,
    logger,
    nodeTimeoutMs: config.node_timeout * 1000,
    postQuorumMs: config.post_quorum_timeout * 1000,
    containerChanges: deps.containerChanges,
    containerInfoTtlMs: config.container_info_ttl * 1000,
  };
  const containers = new KnownContainers(cluster, (account, container) =>
    readContainerInfo(cluster, account, container),
  );
  const accounts = new KnownAccounts(cluster, (account) => readAccountInfo(cluster, account));
  const access = createAccessControl({
    resellers: resellersOf(config),
    resellerAdminRole: config.reseller_admin_role,
    accountDomainOf: async (account) => (await readAccountInfo(cluster, account))?.metadata[PROJECT_DOMAIN_HEADER],
  });
  return {
    cluster,
    access,
    containers,
    accounts,
    sizes: new ContainerSizes(
      clock,
      async (account, container) => (await readContainerInfo(cluster, account, container))?.objectCount ?? 0,
    ),
    rates: new RateSlots(deps.rateMemory ?? newRateMemory()),
    config,
    encryption: encryptionOf(deps),
    syncRealms: deps.syncRealms ?? (() => ({})),
    objects: createPolicyObjects(cluster, deps.erasure),
    maxFileBytes: config.max_file_size,
  };
}

interface Daemon {
  start(): void;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

/** What works without being asked, on the one proxy of a node that is to. */
function daemonsOf(
  deps: ProxyDeps,
  { services, own, s3 }: { services: Services; own: Handler; s3: S3Services },
): Daemon[] {
  const { config, logger, daemonsOf: node } = deps;
  if (node === undefined) return [];
  const { cluster } = services;
  const duty = new DutyRoster({ cluster, node, intervalMs: config.duty_interval * 1000 });
  const operatorRole = config.operator_roles[0] ?? '';
  return [
    duty,
    new Expirer({ ...services, duty, logger, intervalMs: config.expirer_interval * 1000 }),
    new Lifecycle({ cluster, services: s3, duty, logger, operatorRole, intervalMs: config.lifecycle_interval * 1000 }),
    ...syncersOf(services, duty, own),
    ...reconstructorsOf(deps, cluster, duty),
  ];
}

/** None where no policy codes bodies. */
function reconstructorsOf(
  { config, logger, erasure: codec }: ProxyDeps,
  cluster: Cluster,
  duty: Duty,
): Reconstructor[] {
  if (!codec || !needsErasureCodec(config.policies)) return [];
  const reconstructor = new Reconstructor({
    cluster,
    codec,
    duty,
    logger,
    intervalMs: config.reconstructor_interval * 1000,
    fragmentsPerSecond: config.reconstructor_rate,
    reclaimAgeSeconds: config.reclaim_age,
  });
  return [reconstructor];
}

/** None where there is nobody to synchronize with. */
function syncersOf(services: Services, duty: Duty, objects: Handler): ContainerSyncer[] {
  const { cluster, config, syncRealms } = services;
  const { allowed_hosts: hosts, realms: file, interval, container_time: sliceSeconds } = config.container_sync;
  // A file may have realms one day that has none today.
  if (hosts.length === 0 && file === undefined && Object.keys(syncRealms()).length === 0) return [];
  const syncer = new ContainerSyncer({
    ...services,
    duty,
    objects,
    peer: createSyncPeer(),
    logger: cluster.logger,
    intervalMs: interval * 1000,
    sliceMs: sliceSeconds * 1000,
  });
  return [syncer];
}

function encryptionOf({ config, rootSecrets }: ProxyDeps): EncryptionOptions {
  const keyring = rootSecrets && new Keyring(rootSecrets);
  return { keyring, encrypts: keyring !== undefined && !config.encryption.disable_encryption };
}

function hostNamesOf({ config: { domain_remap: remap }, clock, cnames }: ProxyDeps): HostNames | undefined {
  if (remap.storage_domains.length === 0) return undefined;
  const resolver = cnames ?? cnameResolver(remap.cname_nameservers);
  return new HostNames(remap, remap.cname_lookup ? cnameLookup(resolver, clock) : undefined);
}

function extraOf(request: IncomingMessage): string | undefined {
  const extra = request.headers['x-trans-id-extra'];
  return typeof extra === 'string' ? extra : undefined;
}
