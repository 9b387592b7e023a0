import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import type { InjectOptions } from 'fastify';
import { bootstrapCloud } from '../../../auth/bootstrap.ts';
import { type AuthConfig, authConfig } from '../../../auth/config.ts';
import { createSharedEpoch, type SharedEpoch } from '../../../auth/guard/shared-epoch.ts';
import { type AuthService, buildAuth } from '../../../auth/service.ts';
import { LevelStore } from '../../../common/kv/level-store.ts';
import { createLogger } from '../../../common/log.ts';

export const PASSWORDS = { admin: 'admin-secret', demo: 'demo-secret', service: 'service-secret' };

export interface TestCloudOptions {
  config?: Partial<AuthConfig>;
  publicUrl?: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  body: any;
}

/** An identity service with a bootstrapped cloud in a temporary folder; not listening, unless `listen` is called. */
export class TestCloud {
  readonly folder: string;
  readonly epoch: SharedEpoch;
  readonly clock: { offsetMs: number; nowMs(): number };
  readonly projectIds: { admin: string; service: string; demo: string };
  readonly store: LevelStore;
  service: AuthService;
  private readonly rebuild: (publicUrl: string) => AuthService;

  private constructor(
    parts: Pick<TestCloud, 'folder' | 'epoch' | 'clock' | 'projectIds' | 'store'>,
    rebuild: (publicUrl: string) => AuthService,
    publicUrl: string,
  ) {
    this.folder = parts.folder;
    this.epoch = parts.epoch;
    this.clock = parts.clock;
    this.projectIds = parts.projectIds;
    this.store = parts.store;
    this.rebuild = rebuild;
    this.service = rebuild(publicUrl);
  }

  static async start(options: TestCloudOptions = {}): Promise<TestCloud> {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-auth-'));
    const store = await LevelStore.open(join(folder, 'store'));
    const config: AuthConfig = { ...Value.Create(authConfig), password_hash_cost: 10, ...options.config };
    const epoch = createSharedEpoch();
    const clock = { offsetMs: 0, nowMs: () => performance.timeOrigin + performance.now() + clock.offsetMs };
    const servicePasswords = {
      glance: PASSWORDS.service,
      cinder: PASSWORDS.service,
      nova: PASSWORDS.service,
      swift: PASSWORDS.service,
    };
    const { projectIds } = await bootstrapCloud(
      { store, config },
      { adminPassword: PASSWORDS.admin, demoPassword: PASSWORDS.demo, servicePasswords },
    );
    const rebuild = (publicUrl: string) =>
      buildAuth({
        store,
        config,
        clock,
        epoch,
        logger: createLogger('silent'),
        dataFolder: folder,
        publicUrl,
        catalog: [
          { type: 'identity', name: 'keystone', url: `${publicUrl}/v3` },
          { type: 'object-store', name: 'swift', url: 'http://127.0.0.1:8080/v1/AUTH_$(project_id)s' },
          { type: 'image', name: 'glance', url: 'http://127.0.0.1:9292' },
        ],
      });
    try {
      const parts = { folder, epoch, clock, projectIds, store };
      const cloud = new TestCloud(parts, rebuild, options.publicUrl ?? 'http://id.example:5000');
      await cloud.service.start();
      return cloud;
    } catch (error) {
      await store.close();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.service.app.close();
    await this.service.stop();
    await this.store.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Serves on a free port. @returns the base URL, without `/v3`. */
  async listen(): Promise<string> {
    await this.service.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = this.service.app.server.address() as AddressInfo;
    await this.service.app.close();
    await this.service.stop();
    const url = `http://127.0.0.1:${port}`;
    this.service = this.rebuild(url);
    await this.service.start();
    await this.service.app.listen({ port, host: '127.0.0.1' });
    return url;
  }

  async call(method: InjectOptions['method'], url: string, token?: string, body?: unknown): Promise<Answer> {
    const response = await this.service.app.inject({
      method: method ?? 'GET',
      url,
      headers: token === undefined ? {} : { 'x-auth-token': token },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const text = response.body;
    return { status: response.statusCode, headers: response.headers, body: text === '' ? undefined : response.json() };
  }

  /** Asks about a token in the name of another. */
  async ask(method: 'GET' | 'HEAD' | 'DELETE', token: string, subject: string, query = ''): Promise<Answer> {
    const headers = { 'x-auth-token': token, 'x-subject-token': subject };
    const response = await this.service.app.inject({ method, url: `/v3/auth/tokens${query}`, headers });
    return {
      status: response.statusCode,
      headers: response.headers,
      body: response.body === '' ? undefined : response.json(),
    };
  }

  /** Logs in with a password. @throws when identity refuses. */
  async token(name: string, password: string, scope?: unknown): Promise<string> {
    const answer = await this.logIn(passwordIdentity(name, password), scope);
    if (answer.status !== 201)
      throw new Error(`login of ${name} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return String(answer.headers['x-subject-token']);
  }

  logIn(identity: unknown, scope?: unknown): Promise<Answer> {
    return this.call('POST', '/v3/auth/tokens', undefined, {
      auth: { identity, ...(scope === undefined ? {} : { scope }) },
    });
  }

  adminToken(): Promise<string> {
    return this.token('admin', PASSWORDS.admin, projectScope('admin'));
  }

  demoToken(): Promise<string> {
    return this.token('demo', PASSWORDS.demo, projectScope('demo'));
  }
}

export function passwordIdentity(name: string, password: string, domainId = 'default') {
  return { methods: ['password'], password: { user: { name, domain: { id: domainId }, password } } };
}

export function tokenIdentity(token: string) {
  return { methods: ['token'], token: { id: token } };
}

export function projectScope(name: string) {
  return { project: { name, domain: { id: 'default' } } };
}
