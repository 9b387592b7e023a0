import { createHash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { fastify } from 'fastify';
import type { Identity, TokenVerifier } from '../../../auth/guard/contract.ts';
import { LevelStore } from '../../../common/kv/level-store.ts';
import { createLogger } from '../../../common/log.ts';
import { type VolumeConfig, volumeConfig } from '../../../volume/config.ts';
import type { RunCommand } from '../../../volume/drivers/run-command.ts';
import { buildVolume, type VolumeService } from '../../../volume/service.ts';
import type { ExportedTarget, IscsiTargets, TargetExport } from '../../../volume/targets/contract.ts';

/** Targets that only remember: what is exported now, and all that happened in order. */
class FakeTargets implements IscsiTargets {
  readonly portal = { address: '127.0.0.1', port: 3260 };
  readonly exports = new Map<string, TargetExport>();
  readonly events: string[] = [];
  /** Called while an export is being taken away, before it is gone. */
  duringUnexport: () => Promise<void> = async () => undefined;
  /** Called while an export is being made, before it is there. */
  duringExport: () => Promise<void> = async () => undefined;
  failNextExport = false;

  async export(target: TargetExport): Promise<void> {
    if (this.failNextExport) {
      this.failNextExport = false;
      throw new Error('no more targets');
    }
    await this.duringExport();
    this.exports.set(target.iqn, target);
    this.events.push(`export ${target.iqn}`);
  }

  async unexport(iqn: string): Promise<void> {
    await this.duringUnexport();
    this.exports.delete(iqn);
    this.events.push(`unexport ${iqn}`);
  }

  async resize(iqn: string, sizeBytes: number): Promise<void> {
    const target = this.exports.get(iqn);
    if (target) this.exports.set(iqn, { ...target, sizeBytes });
    this.events.push(`resize ${iqn} ${sizeBytes}`);
  }

  async list(): Promise<readonly ExportedTarget[]> {
    return [];
  }
}

/** Tokens `<user>@<project>:<role>,<role>`, such as `anna@red:member,reader`. */
const fakeVerifier: TokenVerifier = {
  async verify(token) {
    const match = /^(\w+)@(\w+):([\w,]+)$/.exec(token);
    if (!match) return undefined;
    const [, user = '', project = '', roles = ''] = match;
    const domain = { id: 'default', name: 'Default' };
    const identity: Identity = {
      user: { id: user, name: user, domain },
      scope: { kind: 'project', project: { id: project, name: project, domain } },
      roles: roles.split(',').map((name) => ({ id: name, name })),
      expiresAtMs: Date.now() + 3_600_000,
      auditIds: [token],
    };
    return identity;
  },
};

export const ANNA = 'anna@red:member,reader';
export const BORIS = 'boris@blue:member,reader';
export const READER = 'rita@red:reader';
export const ADMIN = 'root@red:admin,member,reader';
export const SERVICE = 'nova@service:service';

export interface FakeImage {
  id: string;
  data: Buffer;
  disk_format: string;
  [property: string]: unknown;
}

/** The first bytes of a file: volumes are too long to be read whole. */
export async function headOf(path: string, length: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** An image service of a few images; what is uploaded to it is kept, data is sent once the gate is open. */
export async function startFakeImages(images: readonly FakeImage[]) {
  const uploads = new Map<string, Buffer>();
  const gate = { opened: Promise.resolve() };
  const app = fastify();
  app.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer', bodyLimit: 2 ** 31 },
    (_request, body, done) => done(null, body),
  );
  app.post('/v2/images', async (request, reply) => {
    const image = { id: '5f1f1b5c-0000-4000-8000-000000000001', status: 'queued', ...(request.body as object) };
    return reply.status(201).send(image);
  });
  app.put<{ Params: { id: string } }>('/v2/images/:id/file', async (request, reply) => {
    uploads.set(request.params.id, request.body as Buffer);
    return reply.status(204).send();
  });
  app.get<{ Params: { id: string } }>('/v2/images/:id', async (request, reply) => {
    const image = images.find(({ id }) => id === request.params.id);
    if (!image) return reply.status(404).send('not found');
    const { data, ...fields } = image;
    return {
      name: 'image',
      status: 'active',
      container_format: 'bare',
      size: data.length,
      virtual_size: null,
      min_disk: 0,
      min_ram: 0,
      checksum: null,
      os_hash_algo: 'sha512',
      os_hash_value: createHash('sha512').update(data).digest('hex'),
      ...fields,
    };
  });
  app.get<{ Params: { id: string } }>('/v2/images/:id/file', async (request, reply) => {
    const image = images.find(({ id }) => id === request.params.id);
    await gate.opened;
    return reply.type('application/octet-stream').send(image?.data);
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, uploads, gate, close: () => app.close() };
}

export interface CloudOptions {
  config?: Partial<VolumeConfig>;
  imageUrl?: string;
  runCommand?: RunCommand;
  /** Instead of tokens that say who they are. */
  verifier?: TokenVerifier;
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  body: any;
}

export interface CallOptions {
  token?: string;
  serviceToken?: string;
  /** Minor version of the API; 3.0 unless told. */
  minor?: number;
  body?: unknown;
}

/** A volume service over a data folder of its own, with fake identity and fake targets. */
export class FakeCloud {
  readonly folder: string;
  targets = new FakeTargets();
  store: LevelStore;
  service: VolumeService;
  private readonly options: CloudOptions;

  private constructor(folder: string, store: LevelStore, options: CloudOptions) {
    this.folder = folder;
    this.store = store;
    this.options = options;
    this.service = this.build();
  }

  static async start(options: CloudOptions = {}): Promise<FakeCloud> {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-volume-'));
    const cloud = new FakeCloud(folder, await LevelStore.open(join(folder, 'kv')), options);
    await cloud.service.start();
    await cloud.service.app.ready();
    return cloud;
  }

  /** What a stop of the process leaves, and a start of a new one: the same data folder, nothing of the memory. */
  async restart(beforeStart: (store: LevelStore) => Promise<void> = async () => undefined): Promise<void> {
    await this.service.stop();
    await this.service.app.close();
    await this.store.close();
    this.targets = new FakeTargets();
    this.store = await LevelStore.open(join(this.folder, 'kv'));
    await beforeStart(this.store);
    this.service = this.build();
    await this.service.start();
    await this.service.app.ready();
  }

  async close(): Promise<void> {
    await this.service.stop();
    await this.service.app.close();
    await this.store.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, options: CallOptions = {}): Promise<Answer> {
    const response = await this.service.app.inject({
      method,
      url: url === '/' || url.startsWith('/v3') ? url : `/v3${url}`,
      headers: {
        'x-auth-token': options.token ?? ANNA,
        ...(options.serviceToken && { 'x-service-token': options.serviceToken }),
        ...(options.minor !== undefined && { 'openstack-api-version': `volume 3.${options.minor}` }),
      },
      ...(options.body !== undefined && { payload: options.body as object }),
    });
    const body = response.body === '' ? undefined : JSON.parse(response.body);
    return { status: response.statusCode, headers: response.headers, body };
  }

  /** A volume that is made: its id. */
  async volume(fields: Record<string, unknown> = {}, token = ANNA): Promise<string> {
    const { body } = await this.call('POST', '/volumes', { token, body: { volume: { size: 1, ...fields } } });
    await this.service.operationsEnded();
    return body.volume.id;
  }

  async statusOf(volumeId: string, token = ANNA): Promise<string> {
    const { body } = await this.call('GET', `/volumes/${volumeId}`, { token });
    return body.volume.status;
  }

  private build(): VolumeService {
    const defaults = Value.Default(volumeConfig, { quota: {} }) as VolumeConfig;
    const config = { ...defaults, ...this.options.config };
    return buildVolume({
      config: { ...config, backends: this.options.config?.backends ?? [{ name: 'file', driver: 'file' }] },
      store: this.store,
      verifier: this.options.verifier ?? fakeVerifier,
      session: {
        token: async () => SERVICE,
        forgetToken: () => undefined,
        endpoint: async () => this.options.imageUrl ?? 'http://127.0.0.1:1',
      },
      targets: this.targets,
      clock: { nowMs: () => Date.now() },
      logger: createLogger('silent'),
      dataFolder: this.folder,
      ...(this.options.runCommand && { runCommand: this.options.runCommand }),
    });
  }
}
