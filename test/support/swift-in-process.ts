import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { pino } from 'pino';
import type { Identity } from '../../auth/guard/contract.ts';
import { systemClock } from '../../common/clock.ts';
import type { Service } from '../../common/http/app.ts';
import { type ContainerChanges, openContainerChanges } from '../../container-server/changes.ts';
import { containerServerConfigSchema } from '../../container-server/config.ts';
import { type LocalListingStore, openListingStore } from '../../container-server/store.ts';
import { objectServerConfigSchema } from '../../object-server/config.ts';
import { type LocalObjectStore, openObjectStore } from '../../object-server/store.ts';
import { type ProxyConfig, proxyConfig } from '../../proxy/config.ts';
import { buildProxy, type ProxyDeps } from '../../proxy/service.ts';
import { RingBuilder } from '../../ring/builder/builder.ts';
import type { Ring } from '../../ring/contract.ts';
import { ringOf } from '../../ring/lookup.ts';
import { identity } from './swift-fakes/fake-swift.ts';

const DEVICES = ['d0', 'd1', 'd2', 'd3'];
const SECRET = { prefix: 'prefix', suffix: 'suffix' };

export interface SwiftInProcessOptions {
  /** Kept after `stop` where it is given. */
  folder?: string;
  port?: number;
  logLevel?: 'silent' | 'warn' | 'debug';
  /** How long a client may keep still. */
  clientTimeoutSeconds?: number;
  config?: Partial<ProxyConfig>;
  deps?: Partial<ProxyDeps>;
}

interface Stores {
  objects: LocalObjectStore;
  listings: LocalListingStore;
  changes: ContainerChanges;
}

/** A whole Swift in this process: real rings, real stores on four devices in a temporary folder, tokens that the test makes. */
export class SwiftInProcess {
  /** Token to whom it belongs; `member` is a member of project p1. */
  readonly identities = new Map<string, Identity>([['member', identity('p1', 'u1', ['member'])]]);
  url = '';
  /** Where the devices' folders are. */
  readonly folder: string;
  private readonly service: Service;
  private readonly objects: LocalObjectStore;
  readonly listings: LocalListingStore;
  private readonly temporary: string | undefined;

  private constructor(
    { objects, listings, changes }: Stores,
    folder: string,
    { folder: kept, logLevel: level = 'silent', clientTimeoutSeconds, ...options }: SwiftInProcessOptions,
  ) {
    this.objects = objects;
    this.listings = listings;
    this.folder = folder;
    this.temporary = kept === undefined ? folder : undefined;
    const config = { ...Value.Create(proxyConfig), ...options.config };
    const rings = {
      account: makeRing('account', 6202),
      container: makeRing('container', 6201),
      object: makeRing('object', 6200),
    };
    this.service = buildProxy({
      config: clientTimeoutSeconds === undefined ? config : { ...config, client_timeout: clientTimeoutSeconds },
      logger: pino({ level }),
      clock: systemClock,
      rings: { ...rings, object: () => rings.object },
      objectStoreAt: () => objects,
      listingStoreAt: () => listings,
      isLocal: () => true,
      containerChanges: changes,
      verifier: {
        verify: async (token) => this.identities.get(token),
        verifyNow: (token) => this.identities.get(token),
      },
      identity: { authUrl: 'http://127.0.0.1:1/v3' },
      storageUrl: () => this.url,
      ...options.deps,
    });
  }

  static async start(options: SwiftInProcessOptions = {}): Promise<SwiftInProcess> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'martlet-swift-')));
    const devices = DEVICES.map((name) => ({ name, path: join(folder, name) }));
    await Promise.all(devices.map(({ path }) => mkdir(path, { recursive: true })));
    const level = options.logLevel ?? 'silent';
    const common = { devices, clock: systemClock, logger: pino({ level }) };
    const changes = openContainerChanges();
    const listings: LocalListingStore = await openListingStore({
      ...common,
      changes,
      config: Value.Create(containerServerConfigSchema),
      listingStoreAt: () => listings,
    });
    const objects = openObjectStore({
      ...common,
      lane: 0,
      config: { ...Value.Create(objectServerConfigSchema), reserve_percent: 0 },
      listingStoreAt: () => listings,
      housekeeping: true,
    });
    await listings.start();
    await objects.start();
    const swift = new SwiftInProcess({ objects, listings, changes }, folder, options);
    await swift.service.start();
    await swift.service.app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    swift.url = `http://127.0.0.1:${(swift.service.app.server.address() as AddressInfo).port}`;
    return swift;
  }

  get storageUrl(): string {
    return `${this.url}/v1/AUTH_p1`;
  }

  async stop(): Promise<void> {
    await this.service.app.close();
    await this.service.stop();
    await this.objects.stop();
    await this.listings.stop();
    if (this.temporary !== undefined) await rm(this.temporary, { recursive: true });
  }
}

/** A ring over the devices of a `SwiftInProcess`; the same one whenever it is asked the same. */
export function makeRing(name: string, port: number, replicas = 3): Ring {
  const builder = RingBuilder.create({ id: name, partPower: 6, replicas, minPartHours: 1 });
  for (const [index, device] of DEVICES.entries()) {
    const address = { ip: '127.0.0.1', port, replicationIp: '127.0.0.1', replicationPort: port };
    builder.addDevice({ region: 1, zone: index + 1, ...address, device, weight: 100, meta: '' });
  }
  builder.rebalance({ seed: name, nowSeconds: 0 });
  return ringOf(builder.ringData(), SECRET);
}
