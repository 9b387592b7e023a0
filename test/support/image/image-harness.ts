import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { pino } from 'pino';
import type { ServiceSession } from '../../../auth/contract.ts';
import type { Identity, TokenVerifier } from '../../../auth/guard/contract.ts';
import type { Service } from '../../../common/http/app.ts';
import { LevelStore } from '../../../common/kv/level-store.ts';
import { type ImageConfig, imageConfigSchema } from '../../../image/config.ts';
import { buildImage } from '../../../image/service.ts';
import { identityOf } from '../auth/identity.ts';

const DOMAIN = { id: 'default', name: 'Default' };

/** Tokens: `alice` and `bob` are members of projects p1 and p2, `reader` a reader of p1, `admin` of the project admin. */
const IDENTITIES: Readonly<Record<string, Identity>> = {
  alice: as('p1', ['member', 'reader']),
  reader: as('p1', ['reader']),
  bob: as('p2', ['member', 'reader']),
  admin: as('admin', ['admin', 'member', 'reader']),
};

function as(project: string, roleNames: string[]): Identity {
  return identityOf({ scope: { kind: 'project', project: { id: project, name: project, domain: DOMAIN } }, roleNames });
}

export interface HarnessOptions {
  config?: Partial<ImageConfig>;
  session?: ServiceSession;
  /** Instead of the tokens above. */
  verifier?: TokenVerifier;
  /** Data of a harness that was killed. */
  folder?: string;
}

/** A session in a cloud without an object store. */
const lonely: ServiceSession = {
  token: () => Promise.reject(new Error('no identity service')),
  forgetToken: () => undefined,
  endpoint: () => Promise.reject(new Error('no endpoint')),
};

/** A complete image service on a free port of loopback, with its records and files in a temporary folder. */
export class ImageHarness {
  readonly folder: string;
  private readonly store: LevelStore;
  private readonly service: Service;
  private milliseconds = Date.parse('2026-11-21T10:00:00Z');

  private constructor(folder: string, store: LevelStore, options: HarnessOptions) {
    this.folder = folder;
    this.store = store;
    this.service = buildImage({
      config: { ...configOf({ stores: [{ id: 'file', type: 'file' }] }), ...options.config },
      store,
      verifier: options.verifier ?? { verify: async (token) => IDENTITIES[token] },
      session: options.session ?? lonely,
      clock: { nowMs: () => this.milliseconds },
      logger: pino({ level: 'silent' }),
      dataFolder: folder,
    });
  }

  static async start(options: HarnessOptions = {}): Promise<ImageHarness> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'martlet-image-')));
    const harness = new ImageHarness(folder, await LevelStore.open(join(folder, 'records')), options);
    await harness.service.start();
    await harness.service.app.listen({ host: '127.0.0.1', port: 0 });
    return harness;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.service.app.server.address() as AddressInfo).port}`;
  }

  /** Where the file store keeps its images. */
  get images(): string {
    return join(this.folder, 'images');
  }

  tick(milliseconds: number): void {
    this.milliseconds += milliseconds;
  }

  /** Stops and keeps the data. */
  async halt(): Promise<void> {
    this.service.app.server.closeAllConnections();
    await this.service.stop();
    await this.service.app.close();
    await this.store.close();
  }

  async stop(): Promise<void> {
    await this.halt();
    await rm(this.folder, { recursive: true });
  }

  request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const { token = 'alice', headers = {}, ...init } = options;
    return fetch(`${this.url}${path}`, { method, headers: { 'x-auth-token': token, ...headers }, ...init });
  }

  /** A request with a JSON body, and its JSON answer. */
  async json(method: string, path: string, body?: unknown, token = 'alice'): Promise<JsonAnswer> {
    const response = await this.request(method, path, {
      token,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  }

  /** A JSON patch in the form of v2.1. */
  async patch(id: string, operations: unknown, token = 'alice'): Promise<JsonAnswer> {
    const response = await this.request('PATCH', `/v2/images/${id}`, {
      token,
      body: JSON.stringify(operations),
      headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  }

  /** Makes an image; raw and bare unless told otherwise. */
  async create(fields: Record<string, unknown> = {}, token = 'alice'): Promise<string> {
    const answer = await this.json(
      'POST',
      '/v2/images',
      { disk_format: 'raw', container_format: 'bare', ...fields },
      token,
    );
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    return String(answer.body['id']);
  }

  upload(id: string, body: UploadBody, options: RequestOptions = {}): Promise<Response> {
    const headers = { 'content-type': 'application/octet-stream', ...options.headers };
    return this.request('PUT', `/v2/images/${id}/file`, { ...options, headers, body, duplex: 'half' });
  }

  async show(id: string, token = 'alice') {
    return (await this.json('GET', `/v2/images/${id}`, undefined, token)).body;
  }
}

export interface JsonAnswer {
  status: number;
  headers: Headers;
  text: string;
  body: Record<string, unknown> & { images: Record<string, unknown>[]; members: Record<string, unknown>[] };
}

type UploadBody = string | Buffer<ArrayBuffer> | ReadableStream<Buffer>;

export interface RequestOptions {
  token?: string;
  headers?: Record<string, string>;
  body?: UploadBody;
  duplex?: 'half';
  signal?: AbortSignal;
}

/** A configuration with defaults filled in. */
export function configOf(partial: unknown): ImageConfig {
  return Value.Default(imageConfigSchema, partial) as ImageConfig;
}
