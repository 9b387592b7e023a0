import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyServerFactory } from 'fastify';
import type { SignerDirectory, TokenVerifier } from '../auth/guard/contract.ts';
import type { Clock } from '../common/clock.ts';
import { createApp, type Service } from '../common/http/app.ts';
import type { Logger } from '../common/log.ts';
import { TimestampSource } from '../common/timestamp.ts';
import type { ListingStore } from '../container-server/contract.ts';
import type { ObjectStore } from '../object-server/contract.ts';
import type { Device, Ring } from '../ring/contract.ts';
import { createAccessControl, PROJECT_DOMAIN_HEADER } from './access/access-control.ts';
import { readAccountInfo, readContainerInfo } from './actions/read-listing.ts';
import type { Cluster, ContainerChanges } from './backend/cluster.ts';
import { KnownAccounts } from './backend/known-accounts.ts';
import { KnownContainers } from './backend/known-containers.ts';
import { createPolicies } from './backend/policies.ts';
import { newRateMemory, RateSlots } from './backend/rate-slots.ts';
import type { ProxyConfig } from './config.ts';
import { Expirer } from './daemons/expirer.ts';
import { type EncryptionOptions, Keyring } from './encryption/keyring.ts';
import type { RootSecrets } from './encryption/root-secrets.ts';
import { renderSwiftError } from './errors.ts';
import { answerClientError } from './http/client-error.ts';
import { createObjectApi, type ObjectApi } from './http/object-api.ts';
import { newTransactionId, TRANSACTION_ID_HEADERS } from './http/transaction-id.ts';
import { MOST_HEAD_BYTES, MOST_PLAIN_BODY_BYTES } from './limits.ts';
import { createPipelines } from './pipeline.ts';
import { createStraightWay } from './plain/straight-way.ts';
import { type LegacyIdentity, legacyLogin } from './routes/auth-v1.ts';
import { capabilities } from './routes/info.ts';
import type { Services } from './routes/route.ts';
import { createS3Api, type S3Api } from './s3/api.ts';

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
  /** Counts changes of this node's containers; unless given, each request asks about its container. */
  containerChanges?: ContainerChanges;
  /** Shared by the threads of a process, made by `newRateMemory`; unless given, each proxy counts for itself. */
  rateMemory?: SharedArrayBuffer;
  /** Who answers the legacy login. */
  identity: LegacyIdentity;
  /** What the file `proxy.encryption.root_secrets` holds; undefined where there is none. */
  rootSecrets?: RootSecrets | undefined;
  /** Whether this one, of all that share a node, removes what has expired. */
  removesExpired?: boolean;
  /** Public base URL of this API, without `/v1`. */
  storageUrl(): string;
}

/** Paths that Fastify serves; all others are the object API's, as in Swift, where any path is at least a bad one. */
const PLAIN_PATHS = /^\/(info|healthcheck|auth(\/.*)?)\/?(\?.*)?$/;

const KEEP_ALIVE_MS = 65_000;
const HEADERS_TIMEOUT_MS = 60_000;

/** The Swift API. One is built in each worker thread; none of them shares anything but what it is given. */
export function buildProxy(deps: ProxyDeps): Service {
  const { config, logger, clock } = deps;
  const services = servicesOf(deps);
  const pipelines = createPipelines(services);
  const expirer = deps.removesExpired
    ? new Expirer({ ...services, logger, intervalMs: config.expirer_interval * 1000 })
    : undefined;
  let isClosing = false;
  const clientTimeoutMs = config.client_timeout * 1000;
  const verifyNow = (token: string) => deps.verifier.verifyNow?.(token);
  const s3 = createS3Api({
    objects: pipelines.s3,
    containers: services.containers,
    signers: deps.signers ?? { find: async () => undefined },
    clock,
    ...config.s3,
  });
  const api = createObjectApi({
    straightWay: createStraightWay({ ...services, verifyNow, clientTimeoutMs, isClosing: () => isClosing }),
    pipeline: pipelines.swift,
    s3,
    verifier: deps.verifier,
    clock,
    logger,
    clientTimeoutMs,
    isClosing: () => isClosing,
  });
  const app = createApp({
    logger,
    renderError: renderSwiftError,
    newRequestId: (request) => newTransactionId(clock, extraOf(request)),
    requestIdHeaders: TRANSACTION_ID_HEADERS,
    mostBodyBytes: MOST_PLAIN_BODY_BYTES,
    serverFactory: serverFactory(api, s3, clock),
  });
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.get('/info', async () => capabilities(services.cluster.policies, config));
  for (const path of ['/auth/v1.0', '/auth/v1']) {
    app.get(path, async (request, reply) => {
      const headers = await legacyLogin(request.headers, {
        identity: deps.identity,
        clock,
        storageUrl: deps.storageUrl,
      });
      return reply.headers(headers).send('');
    });
  }
  return {
    app,
    async start() {
      expirer?.start();
    },
    async stop() {
      await expirer?.stop();
      await api.idle();
    },
  };
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
    operatorRoles: config.operator_roles,
    readerRoles: config.reader_roles,
    resellerAdminRole: config.reseller_admin_role,
    accountDomainOf: async (account) => (await readAccountInfo(cluster, account))?.metadata[PROJECT_DOMAIN_HEADER],
  });
  return {
    cluster,
    access,
    containers,
    accounts,
    rates: new RateSlots(deps.rateMemory ?? newRateMemory()),
    config,
    encryption: encryptionOf(deps),
    maxFileBytes: config.max_file_size,
  };
}

function encryptionOf({ config, rootSecrets }: ProxyDeps): EncryptionOptions {
  const keyring = rootSecrets && new Keyring(rootSecrets);
  return { keyring, encrypts: keyring !== undefined && !config.encryption.disable_encryption };
}

/** A server that gives the object API its requests as they are, and Fastify the few others. */
function serverFactory(api: ObjectApi, s3: S3Api, clock: Clock): FastifyServerFactory {
  return (fastifyHandler) => {
    const server = createServer({ maxHeaderSize: MOST_HEAD_BYTES });
    server.requestTimeout = 0;
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    // A connection that has become idle while the server closes is not waited for.
    const done = () => {
      if (!server.listening) server.closeIdleConnections();
    };
    const serve = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => {
      // A bucket may be called as those few paths are.
      if (!PLAIN_PATHS.test(request.url ?? '') || s3.claims(request)) {
        api.serve(request, response, expectsContinue, done);
        return;
      }
      if (expectsContinue) response.writeContinue();
      fastifyHandler(request, response);
    };
    server.on('request', (request, response) => serve(request, response, false));
    server.on('checkContinue', (request, response) => serve(request, response, true));
    server.on('clientError', (error, socket) => answerClientError(error, socket as Socket, newTransactionId(clock)));
    return server;
  };
}

function extraOf(request: IncomingMessage): string | undefined {
  const extra = request.headers['x-trans-id-extra'];
  return typeof extra === 'string' ? extra : undefined;
}
