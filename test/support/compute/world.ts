import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Value } from '@sinclair/typebox/value';
import type { Identity, TokenVerifier } from '../../../auth/guard/contract.ts';
import { systemClock } from '../../../common/clock.ts';
import { ApiError } from '../../../common/errors.ts';
import type { Service } from '../../../common/http/app.ts';
import type { KeyValueStore } from '../../../common/kv/contract.ts';
import { createLogger } from '../../../common/log.ts';
import { type ComputeConfig, computeConfig } from '../../../compute/config.ts';
import type { Hypervisor } from '../../../compute/hypervisor/contract.ts';
import { FakeHypervisor } from '../../../compute/hypervisor/fake.ts';
import { buildCompute, type ComputeDeps } from '../../../compute/service.ts';
import type { ImageBody, ImageClient } from '../../../image/contract.ts';
import { FakeVolumes } from './fake-volumes.ts';
import { MemoryStore } from './memory-store.ts';

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies of every shape
  body: any;
}

export interface Call {
  as?: string;
  minor?: number;
  body?: unknown;
}

/** Stops answering, as a process that was killed does: every promise it has given stays open. */
interface Fuse {
  /** Calls that still get through. */
  left: number;
  blown: boolean;
}

/** A compute service with everything around it faked; it can be killed at any call and started again on the same records. */
export class ComputeWorld {
  readonly volumes = new FakeVolumes();
  readonly images = new Map<string, { body: ImageBody; bytes: Buffer }>();
  readonly hypervisor: FakeHypervisor;
  readonly folder: string;
  private readonly store: KeyValueStore;
  private readonly overrides: Partial<ComputeDeps>;
  private readonly config: ComputeConfig;
  service: Service;
  private fuse: Fuse = { left: Number.MAX_SAFE_INTEGER, blown: false };

  private constructor(
    folder: string,
    store: KeyValueStore,
    config: Partial<ComputeConfig>,
    overrides: Partial<ComputeDeps>,
  ) {
    this.folder = folder;
    this.store = store;
    this.config = { ...(Value.Default(computeConfig, {}) as ComputeConfig), hypervisor: 'fake', ...config };
    this.overrides = overrides;
    this.hypervisor = new FakeHypervisor(this.config.initiator_prefix);
    this.service = this.newService();
  }

  static async start(config: Partial<ComputeConfig> = {}, overrides: Partial<ComputeDeps> = {}): Promise<ComputeWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-compute-'));
    const world = new ComputeWorld(folder, new MemoryStore(), config, overrides);
    await world.service.start();
    return world;
  }

  async remove(): Promise<void> {
    await this.service.stop();
    await this.service.app.close();
    await this.store.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The process is killed after `calls` more calls to the outside; resolves with whether it came to that when the work is done. */
  killAfter(calls: number): void {
    this.fuse.left = calls;
  }

  get killed(): boolean {
    return this.fuse.blown;
  }

  /** A new process on the same records, guests and volumes. */
  async restart(): Promise<void> {
    this.fuse.left = 0;
    this.fuse.blown = true;
    this.fuse = { left: Number.MAX_SAFE_INTEGER, blown: false };
    this.service = this.newService();
    await this.service.start();
  }

  addImage(fields: Partial<ImageBody> = {}, bytes: Buffer = Buffer.alloc(4096, 'i')): ImageBody {
    const body: ImageBody = {
      id: crypto.randomUUID(),
      name: 'image',
      status: 'active',
      visibility: 'public',
      owner: 'red',
      protected: false,
      disk_format: 'raw',
      container_format: 'bare',
      size: bytes.length,
      virtual_size: null,
      min_disk: 0,
      min_ram: 0,
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      os_hidden: false,
      tags: [],
      created_at: '',
      updated_at: '',
      properties: {},
      ...fields,
    };
    this.images.set(body.id, { body, bytes });
    return body;
  }

  async call(method: string, path: string, { as = 'alice', minor = 1, body }: Call = {}): Promise<Answer> {
    const response = await this.service.app.inject({
      method: method as 'GET',
      url: path.startsWith('/') ? path : `/v2.1/${path}`,
      headers: {
        ...(as && { 'x-auth-token': as }),
        'openstack-api-version': `compute 2.${minor}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { payload: JSON.stringify(body) }),
    });
    const json = response.body === '' ? undefined : JSON.parse(response.body);
    return { status: response.statusCode, headers: response.headers, body: json };
  }

  /** A server that runs. */
  async server(fields: Record<string, unknown> = {}): Promise<string> {
    const image = [...this.images.values()][0]?.body ?? this.addImage();
    const body = { server: { name: 'one', flavorRef: '1', imageRef: image.id, ...fields } };
    const answer = await this.call('POST', 'servers', { body });
    if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
    await this.settled(answer.body.server.id);
    return answer.body.server.id;
  }

  /** Waits until no task is under way on the server; returns its status, undefined when it is gone. */
  async settled(id: string): Promise<string | undefined> {
    for (;;) {
      const { status, body } = await this.call('GET', `servers/${id}`);
      if (status === 404) return undefined;
      const attachments = await this.devices(id);
      const settled = attachments.every(({ state }) => state === 'attached');
      if (body.server['OS-EXT-STS:task_state'] === null && settled) return body.server.status;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The stored devices of a server. */
  async devices(id: string): Promise<{ state: string; volumeId: string }[]> {
    const start = `server-devices/${id}/`;
    const entries = await this.store.range({ start, end: `${start}\u{10ffff}` });
    return entries.map(({ value }) => JSON.parse(value) as { state: string; volumeId: string });
  }

  private newService(): Service {
    const { fuse } = this;
    return buildCompute({
      config: this.config,
      store: guarded(this.store, fuse),
      verifier: VERIFIER,
      session: guarded(SESSION, fuse),
      volumes: guarded(this.volumes, fuse),
      images: guarded(this.imageClient(), fuse),
      hypervisor: guarded<Hypervisor>(this.hypervisor, fuse),
      clock: systemClock,
      logger: createLogger('silent'),
      dataFolder: this.folder,
      authUrl: 'http://127.0.0.1:5000',
      ...this.overrides,
    });
  }

  private imageClient(): ImageClient {
    const find = (id: string) => {
      const image = this.images.get(id);
      if (!image) throw new ApiError({ status: 404, code: 'ImageNotFound', message: 'no such image' });
      return image;
    };
    const unused = async () => {
      throw new Error('compute does not make images');
    };
    return {
      show: async (_token, id) => find(id).body,
      data: async (_token, id) => Readable.from([find(id).bytes]),
      create: unused,
      upload: unused,
      delete: unused,
    };
  }
}

/** The same object, whose methods stop answering when the fuse blows. */
function guarded<T extends object>(target: T, fuse: Fuse): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const synchronous = name === 'isRunning' || name === 'initiatorNameOf' || name === 'forgetToken';
        if (!synchronous) {
          if (fuse.left <= 0) fuse.blown = true;
          else fuse.left -= 1;
          if (fuse.blown) return new Promise(() => undefined);
        }
        return Reflect.apply(value as (...rest: unknown[]) => unknown, object, args);
      };
    },
  });
}

const SESSION = {
  token: async () => 'nova-token',
  forgetToken: () => undefined,
  endpoint: async () => 'http://127.0.0.1:8776/v3',
};

const VERIFIER: TokenVerifier = { verify: async (token) => IDENTITIES[token] };

const IDENTITIES: Readonly<Record<string, Identity>> = {
  alice: identity('alice', 'red', ['member', 'reader']),
  carol: identity('carol', 'red', ['reader']),
  bob: identity('bob', 'blue', ['member', 'reader']),
  root: identity('root', 'admin', ['admin', 'member', 'reader']),
};

function identity(name: string, project: string, roles: string[]): Identity {
  const domain = { id: 'default', name: 'Default' };
  return {
    user: { id: name, name, domain },
    scope: { kind: 'project', project: { id: project, name: project, domain } },
    roles: roles.map((role) => ({ id: role, name: role })),
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    auditIds: [name],
  };
}
