import { Agent, request } from 'undici';
import type { Martlet } from '../martlet.ts';

const TIMEOUT_MS = 30_000;

/** The demo user of a Martlet, at its object store. */
export class Cloud {
  private readonly martlet: Martlet;
  private agent = new Agent();
  private account = '';
  private token = '';

  constructor(martlet: Martlet) {
    this.martlet = martlet;
  }

  /** Again after each start: the connections are new. */
  async login(): Promise<void> {
    await this.agent.destroy();
    this.agent = new Agent({ connections: 64, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
    const { OS_PASSWORD } = await this.martlet.environment();
    const { headers, body } = await request(this.martlet.url(8080, '/auth/v1.0'), {
      headers: { 'x-auth-user': 'demo:demo', 'x-auth-key': OS_PASSWORD ?? '' },
    });
    await body.dump();
    this.account = String(headers['x-storage-url']);
    this.token = String(headers['x-auth-token']);
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  /** @param path of container and object; '' = the account. */
  async call(
    method: 'GET' | 'HEAD' | 'PUT' | 'DELETE',
    path: string,
    options: { headers?: Record<string, string>; body?: Buffer } = {},
  ): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
    const answer = await request(`${this.account}${path}`, {
      method,
      headers: { 'x-auth-token': this.token, ...options.headers },
      dispatcher: this.agent,
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers as Record<string, string>, body };
  }
}
