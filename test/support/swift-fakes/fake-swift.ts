import type { AddressInfo } from 'node:net';
import { Value } from '@sinclair/typebox/value';
import { pino } from 'pino';
import type { Identity } from '../../../auth/guard/contract.ts';
import type { Clock } from '../../../common/clock.ts';
import type { Service } from '../../../common/http/app.ts';
import { openContainerChanges } from '../../../container-server/changes.ts';
import { type ProxyConfig, proxyConfig } from '../../../proxy/config.ts';
import type { Services } from '../../../proxy/routes/route.ts';
import { buildProxy, type ProxyDeps, servicesOf } from '../../../proxy/service.ts';
import { FakeListingStore } from './fake-listing-store.ts';
import { FakeObjectStore } from './fake-object-store.ts';
import { fakeRing } from './fake-ring.ts';

const NOW_MS = Date.parse('2026-11-21T00:00:00.250Z');

export interface FakeSwiftOptions {
  devices?: number;
  replicas?: number;
  config?: Partial<ProxyConfig>;
  deps?: Partial<ProxyDeps>;
  /** Whether devices are this node's and what is known of containers and tokens is remembered: plain requests go the straight way. */
  straight?: boolean;
}

/** A proxy over stores in memory, listening on a free port of loopback. */
export class FakeSwift {
  readonly objects: Map<string, FakeObjectStore>;
  readonly listings: Map<string, FakeListingStore>;
  readonly identities = new Map<string, Identity>();
  /** Moved by tests; every reading of the clock moves it a little too. */
  nowMs = NOW_MS;
  url = '';
  /** As the proxy's own, for what works without requests. */
  readonly services: Services;
  private readonly service: Service;

  private constructor(options: FakeSwiftOptions) {
    const ring = fakeRing(options.devices ?? 4, options.replicas ?? 3);
    const names = ring.devices.map((device) => device?.device ?? '');
    const listingAt = (device: string) => this.listings.get(device) as FakeListingStore;
    this.listings = new Map(names.map((name) => [name, new FakeListingStore(listingAt)]));
    this.objects = new Map(names.map((name) => [name, new FakeObjectStore(listingAt)]));
    const clock: Clock = {
      nowMs: () => {
        this.nowMs += 0.01;
        return this.nowMs;
      },
    };
    const deps: ProxyDeps = {
      config: { ...Value.Create(proxyConfig), node_timeout: 0.2, post_quorum_timeout: 0.05, ...options.config },
      logger: pino({ level: 'silent' }),
      clock,
      rings: { account: ring, container: ring, object: () => ring },
      objectStoreAt: (device) => this.objects.get(device.device) as FakeObjectStore,
      listingStoreAt: (device) => listingAt(device.device),
      verifier: { verify: async (token) => this.identities.get(token) },
      identity: { authUrl: 'http://127.0.0.1:1/v3' },
      storageUrl: () => this.url,
      ...(options.straight ? this.straightDeps() : {}),
      ...options.deps,
    };
    this.service = buildProxy(deps);
    this.services = servicesOf(deps);
  }

  /** Fakes do not count their own changes: all of a test's go through this proxy, which counts those that it makes. */
  private straightDeps(): Partial<ProxyDeps> {
    return {
      isLocal: () => true,
      containerChanges: openContainerChanges(),
      verifier: {
        verify: async (token) => this.identities.get(token),
        verifyNow: (token) => this.identities.get(token),
      },
    };
  }

  static async start(options: FakeSwiftOptions = {}): Promise<FakeSwift> {
    const swift = new FakeSwift(options);
    swift.identities.set('member', identity('p1', 'u1', ['member']));
    swift.identities.set('reader', identity('p1', 'u2', ['reader']));
    swift.identities.set('stranger', identity('p2', 'u3', ['member']));
    await swift.service.start();
    await swift.service.app.listen({ host: '127.0.0.1', port: 0 });
    swift.url = `http://127.0.0.1:${swift.port}`;
    return swift;
  }

  get port(): number {
    return (this.service.app.server.address() as AddressInfo).port;
  }

  /** How many connections are open. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.service.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  async stop(): Promise<void> {
    await this.service.app.close();
    await this.service.stop();
  }

  /** A request as the member of project p1, on its account; `path` is below `/v1/AUTH_p1`. */
  async request(method: string, path: string, options: FetchOptions = {}): Promise<Response> {
    const { token = 'member', headers = {}, ...init } = options;
    return fetch(`${this.url}/v1/AUTH_p1${path}`, {
      method,
      headers: token === undefined || token === '' ? headers : { 'x-auth-token': token, ...headers },
      ...init,
    });
  }

  async put(path: string, body: string | Uint8Array = '', headers: Record<string, string> = {}): Promise<Response> {
    return this.request('PUT', path, { body, headers });
  }

  async text(path: string, headers: Record<string, string> = {}): Promise<string> {
    return (await this.request('GET', path, { headers })).text();
  }
}

export interface FetchOptions {
  /** '' for none. */
  token?: string;
  headers?: Record<string, string>;
  body?: NonNullable<RequestInit['body']>;
  duplex?: 'half';
  signal?: AbortSignal;
}

/** A token's identity in the Default domain. */
export function identity(projectId: string, userId: string, roles: readonly string[]): Identity {
  const domain = { id: 'default', name: 'Default' };
  return {
    user: { id: userId, name: `name-of-${userId}`, domain },
    scope: { kind: 'project', project: { id: projectId, name: `name-of-${projectId}`, domain } },
    roles: roles.map((name) => ({ id: `id-of-${name}`, name })),
    expiresAtMs: NOW_MS + 3_600_000,
    auditIds: ['audit'],
  };
}
