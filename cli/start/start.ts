import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  createRemoteEpoch,
  createRemoteSigners,
  createRemoteVerifier,
  createServiceSession,
} from '../../auth/client.ts';
import { PolicyFile } from '../../auth/guard/policy-file.ts';
import { createSharedEpoch } from '../../auth/guard/shared-epoch.ts';
import { systemClock } from '../../common/clock.ts';
import { loadConfig } from '../../common/config/load-config.ts';
import { StartError, systemErrorCode } from '../../common/errors.ts';
import { EX_CONFIG, EX_UNAVAILABLE, EX_USAGE } from '../../common/exit-codes.ts';
import { LevelStore } from '../../common/kv/level-store.ts';
import { createLogger, type Logger } from '../../common/log.ts';
import { assertLogFile } from '../../proxy/access-log/log-file.ts';
import { loadErasureCodec, needsErasureCodec } from '../../proxy/erasure/codec.ts';
import { type ClusterSecrets, loadClusterSecrets } from '../cluster-secrets.ts';
import { configSchema, type MartletConfig } from '../config.ts';
import { type DataFolder, takeDataFolder } from '../data-folder.ts';
import { loadNodeFile, type NodeFile } from '../node-file.ts';
import { holdOtherNodes, loadRings } from '../node-rings.ts';
import { assertPortsFree, BASE_PORTS, type PortName } from '../ports.ts';
import { loadRootSecrets } from '../root-secrets-file.ts';
import { parseOnly, type ServiceName } from '../services.ts';
import { loadSyncRealms } from '../sync-realms-file.ts';
import { startCompute } from './compute.ts';
import { makeAccounts, makeNodeFolder, writeWayIn } from './first-start.ts';
import { bootstrapIdentity, startIdentity } from './identity.ts';
import { startImages } from './images.ts';
import type { Node, Running, TrustingNode } from './node.ts';
import { openListings, serveListings, startDataPath } from './objects.ts';
import { startVolumes } from './volumes.ts';

/** Services whose records are in the key-value store. */
const CONTROL_SERVICES = ['auth', 'image', 'volume', 'compute'] as const;

export interface StartOptions {
  data: string;
  config?: string | undefined;
  portOffset?: number | undefined;
  host?: string | undefined;
  only?: string | undefined;
  workers?: number | undefined;
  insecure?: boolean | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  /** Called when a part that the process cannot live without has died. */
  onDeath(error: Error): void;
}

export interface RunningMartlet {
  config: MartletConfig;
  dataPath: string;
  services: ReadonlySet<ServiceName>;
  authUrl: string;
  /** Stops everything in the reverse of start order; running requests finish, within `shutdown_seconds`. */
  stop(): Promise<void>;
}

/**
 * Brings the chosen services up in this process. Either everything runs, or nothing is left behind: what was started before a
 * failure is stopped, and a folder that this start made is removed.
 *
 * @throws StartError with one line for who started it.
 */
export async function startMartlet(options: StartOptions): Promise<RunningMartlet> {
  const services = parseOnly(options.only);
  const config = await readConfig(options);
  assertHostAllowed(config);
  const dataPath = resolve(options.data);
  const folder = await takeDataFolder(dataPath);
  const running: Running[] = [];
  try {
    await assertPortsFree(config.host, portsOf(config, services, options.only !== undefined));
    await startAll({ folder, config, services, running, options });
  } catch (error) {
    await stopAll(running, 0);
    await folder.release();
    throw explainStartFailure(error);
  }
  return {
    config,
    dataPath,
    services,
    authUrl: publicUrlOf(config, 'auth'),
    async stop() {
      await stopAll(running, config.shutdown_seconds * 1000);
      await folder.release();
    },
  };
}

interface StartPlan {
  folder: DataFolder;
  config: MartletConfig;
  services: ReadonlySet<ServiceName>;
  running: Running[];
  options: StartOptions;
}

async function startAll(plan: StartPlan): Promise<void> {
  const { folder, config, services, running, options } = plan;
  const isFirst = !folder.complete;
  if (isFirst) await makeCloudFolder(folder, config, services);
  const node = await openNode(plan);
  const accounts = makeAccounts();
  if (isFirst) await bootstrapIdentity(node, accounts);

  const trusting = await startTrust(node, running);
  const rings = services.has('proxy') ? await loadRings(dataPathRings(folder.path), config.proxy.policies) : undefined;
  if (services.has('proxy') && needsErasureCodec(config.proxy.policies)) await loadErasureCodec(); // said here, not by a thread
  const rootSecrets = services.has('proxy') ? await loadRootSecrets(config.proxy.encryption.root_secrets) : undefined;
  if (services.has('proxy')) await assertLogFile(config.proxy.access_log.path);
  const syncRealms = services.has('proxy') ? await loadSyncRealms(config.proxy.container_sync.realms) : {};
  const storesObjects = services.has('object-server') || services.has('container-server') || services.has('proxy');
  if (storesObjects) {
    const listings = await openListings(trusting);
    running.push({ name: 'listings', stop: () => listings.store.stop() });
    const servesNodes = options.only !== undefined || (rings !== undefined && holdOtherNodes(rings, node.file));
    if (servesNodes && services.has('container-server')) running.push(...(await serveListings(trusting, listings)));
    if (services.has('proxy') || services.has('object-server')) {
      const serveObjects = servesNodes && services.has('object-server');
      running.push(
        await startDataPath(trusting, rings, listings, {
          serveObjects,
          rootSecrets,
          syncRealms,
          onDeath: options.onDeath,
        }),
      );
    }
  }
  if (services.has('image')) running.push(await startImages(trusting));
  if (services.has('volume')) running.push(...(await startVolumes(trusting, options.onDeath)));
  if (services.has('compute')) running.push(await startCompute(trusting));

  if (isFirst) {
    await writeWayIn(folder, node.authUrl, accounts);
    await folder.markComplete();
  }
}

async function makeCloudFolder(
  folder: DataFolder,
  config: MartletConfig,
  services: ReadonlySet<ServiceName>,
): Promise<void> {
  if (!services.has('auth')) {
    throw new StartError(
      `${folder.path} belongs to no cloud: only a node with auth makes one; run 'martlet join FILE --data ${folder.path}' first`,
      EX_CONFIG,
    );
  }
  await folder.markBegun();
  const node = {
    address: config.host === '0.0.0.0' ? '127.0.0.1' : config.host,
    objectPort: BASE_PORTS.objects + config.port_offset,
    containerPort: BASE_PORTS.containers + config.port_offset,
    accountPort: BASE_PORTS.accounts + config.port_offset,
  };
  await makeNodeFolder(folder, node, config.proxy.policies);
}

async function openNode({ folder, config, services, running }: StartPlan): Promise<Node> {
  const secrets: ClusterSecrets = await loadClusterSecrets(folder.path);
  const file: NodeFile = await loadNodeFile(folder.path);
  const logger: Logger = createLogger(config.log_level);
  let store: LevelStore | undefined;
  if (CONTROL_SERVICES.some((name) => services.has(name))) {
    store = await LevelStore.open(join(folder.path, 'control'));
    running.push({ name: 'records', stop: () => store?.close() ?? Promise.resolve() });
  }
  const policyFile =
    config.policy_file === undefined ? undefined : await PolicyFile.open(resolve(config.policy_file), logger);
  policyFile?.watch();
  if (policyFile) running.push({ name: 'policy file', stop: async () => policyFile.stop() });
  const authUrl = services.has('auth') ? `${publicUrlOf(config, 'auth')}/v3` : file.authUrl;
  if (authUrl === undefined)
    throw new StartError('this node knows no identity service: start it with auth, or join a cloud', EX_CONFIG);
  return {
    dataPath: folder.path,
    config,
    services,
    secrets,
    file,
    logger,
    clock: systemClock,
    store,
    epoch: createSharedEpoch(),
    policyFile,
    authUrl,
    port: (name) => BASE_PORTS[name] + config.port_offset,
    publicUrl: (name) => publicUrlOf(config, name),
    session: (user) =>
      createServiceSession({
        authUrl,
        username: user,
        password: secrets.servicePasswords[user],
        userDomainId: 'default',
        projectName: 'service',
        projectDomainId: 'default',
      }),
  };
}

/** How often a node without identity carries identity's revocation count into the memory that its threads share. */
const EPOCH_MIRROR_MS = 200;

/** Identity in this process, or a way to ask it on another node. */
async function startTrust(node: Node, running: Running[]): Promise<TrustingNode> {
  if (node.services.has('auth')) {
    const { verifier, signers, running: identity } = await startIdentity(node);
    running.push(identity);
    return { ...node, verifier, signers };
  }
  const options = { authUrl: node.authUrl, session: node.session('swift') };
  const remote = createRemoteEpoch(options);
  let mirrored = Number.NaN;
  const timer = setInterval(() => {
    const current = remote.current();
    if (current !== mirrored) node.epoch.bump(); // NaN, "not heard of lately", differs from itself: nothing cached is used
    mirrored = current;
  }, EPOCH_MIRROR_MS);
  running.push({
    name: 'revocations',
    async stop() {
      clearInterval(timer);
      remote.stop();
    },
  });
  return { ...node, verifier: createRemoteVerifier(options), signers: createRemoteSigners(options) };
}

async function readConfig(options: StartOptions): Promise<MartletConfig> {
  const file =
    options.config === undefined ? undefined : { name: options.config, text: await readText(options.config) };
  const overrides = {
    host: options.host,
    port_offset: options.portOffset,
    workers: options.workers,
    insecure: options.insecure,
  };
  return loadConfig(configSchema, { file, environment: options.environment, overrides });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new StartError(
      `cannot read the configuration ${path}: ${error instanceof Error ? error.message : error}`,
      EX_CONFIG,
      error,
    );
  }
}

function assertHostAllowed({ host, insecure }: MartletConfig): void {
  if (insecure || host === '::1' || host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host)) return;
  throw new StartError(
    `${host} is reachable from other machines and Martlet speaks plain HTTP: put TLS in front and keep 127.0.0.1, or say --insecure`,
    EX_USAGE,
  );
}

function portsOf(
  config: MartletConfig,
  services: ReadonlySet<ServiceName>,
  named: boolean,
): { name: PortName; port: number }[] {
  const names: PortName[] = [];
  for (const name of ['auth', 'proxy', 'image', 'volume', 'compute'] as const) if (services.has(name)) names.push(name);
  if (services.has('volume')) names.push('iscsi');
  if (named && services.has('object-server')) names.push('objects');
  if (named && services.has('container-server')) names.push('containers', 'accounts');
  return names.map((name) => ({ name, port: BASE_PORTS[name] + config.port_offset }));
}

function publicUrlOf(config: MartletConfig, name: PortName): string {
  const base = config.public_url ?? `http://${config.host === '0.0.0.0' ? '127.0.0.1' : config.host}`;
  return `${base}:${BASE_PORTS[name] + config.port_offset}`;
}

function dataPathRings(dataPath: string): string {
  return join(dataPath, 'rings');
}

async function stopAll(running: readonly Running[], limitMs: number): Promise<void> {
  for (const part of running.toReversed()) {
    await part.stop(limitMs).catch((error: unknown) => {
      process.stderr.write(`martlet: stopping ${part.name}: ${error instanceof Error ? error.message : error}\n`);
    });
  }
}

/** A full disk and the like, in one line. What is not foreseen keeps its stack: it is a bug. */
function explainStartFailure(error: unknown): unknown {
  const code = systemErrorCode(error);
  const known: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EACCES: 'permission denied',
    EROFS: 'the file system is read-only',
  };
  const reason = code === undefined ? undefined : known[code];
  return reason === undefined ? error : new StartError(`cannot start: ${reason}`, EX_UNAVAILABLE, error);
}
