import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../common/clock.ts';
import { decodeError, nodeUnavailable } from '../common/cluster/backend-errors.ts';
import { formatBackendPath } from '../common/cluster/backend-path.ts';
import { FramedExchange } from '../common/cluster/framed-exchange.ts';
import { FRAME, parseFrameJson } from '../common/cluster/frames.ts';
import { type SigningKey, signRequest } from '../common/cluster/signature.ts';
import { digestHeader } from '../common/cluster/signed-json.ts';
import type { ObjectReading, ObjectState, ObjectStore, ObjectTarget, ObjectUpload, UploadFooter } from './contract.ts';

const CONNECT_TIMEOUT_MS = 3000;
const ANSWER_TIMEOUT_MS = 30_000;
/** Longer than a write waits to be listed. */
const COMMIT_TIMEOUT_MS = 90_000;
/** Each upload and each open reading has a connection of its own. */
const MOST_CONNECTIONS = 256;

export interface ObjectClientOptions {
  ip: string;
  port: number;
  clusterKey: string;
  clock: Clock;
}

/** The objects of another node. Spec: docs/formats/object-backend.md */
export function createObjectClient(options: ObjectClientOptions): ObjectStore & { close(): Promise<void> } {
  const { ip, port, clusterKey, clock } = options;
  const key: SigningKey = { clusterKey, clock };
  const node = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
  const pool = new Pool(`http://${node}`, {
    connections: MOST_CONNECTIONS,
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: 0, // an upload's answer ends when the upload does: waits are bounded one by one
    bodyTimeout: 0,
  });

  async function call<T>(method: 'POST' | 'DELETE', target: ObjectTarget, argument: { timestamp: string }): Promise<T> {
    return exchange(method, pathOf(target), argument, { ...headersOf(target), 'x-timestamp': argument.timestamp });
  }

  async function exchange<T>(
    method: 'POST' | 'DELETE',
    path: string,
    argument: object,
    plainHeaders: Record<string, string>,
  ): Promise<T> {
    const body = JSON.stringify(argument);
    const signed = { ...plainHeaders, ...digestHeader(body) };
    const authorization = signRequest({ method, url: path, headers: signed }, key);
    const headers = { ...signed, 'content-type': 'application/json', authorization };
    const { statusCode, text } = await exchangeJson(pool, node, { method, path, headers, body });
    if (statusCode !== 200) throw decodeError(text, statusCode);
    return JSON.parse(text) as T;
  }

  const create: ObjectStore['create'] = async (target, version) => {
    const headers = { ...headersOf(target), 'x-timestamp': version.timestamp };
    const request = { method: 'PUT', path: pathOf(target), headers } as const;
    const exchange = await FramedExchange.open(pool, node, request, key, version);
    await exchange.receive(); // accepted
    return new RemoteUpload(exchange);
  };

  return {
    create,
    async put(target, version, { bytes, etag }) {
      const upload = await create(target, { ...version, sizeBytes: bytes.length });
      try {
        if (bytes.length > 0) await upload.write(bytes);
        await upload.commit({ etag, sizeBytes: bytes.length });
      } catch (error) {
        await upload.abort();
        throw error;
      }
    },
    async open(target) {
      const request = { method: 'GET', path: pathOf(target), headers: headersOf(target) } as const;
      const exchange = await FramedExchange.open(pool, node, request, key, {});
      const state = parseFrameJson(await exchange.receive()) as ObjectState;
      return new RemoteReading(exchange, state);
    },
    setMetadata: (target, change) => call('POST', target, change),
    remove: (target, removal) => call('DELETE', target, removal),
    listObjects: (device, listing) => exchange('POST', `/${encodeURIComponent(device)}`, listing, {}),
    close: () => pool.destroy(),
  };
}

class RemoteUpload implements ObjectUpload {
  private readonly exchange: FramedExchange;
  /** The node's last word, which may come at any time: a full disk does not wait for the end. */
  private readonly outcome: Promise<unknown>;
  private failure: unknown;

  constructor(exchange: FramedExchange) {
    this.exchange = exchange;
    this.outcome = exchange.receiveUnbounded();
    this.outcome.catch((error: unknown) => {
      this.failure = error;
      exchange.abort();
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    try {
      await this.exchange.sendData(chunk);
    } catch (error) {
      throw this.failure ?? error;
    }
  }

  async commit(footer: UploadFooter): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const sent = this.exchange.sendJson(FRAME.END, footer);
    sent.catch(() => undefined); // what stops it is the outcome too
    this.exchange.finish();
    await this.exchange.bounded(this.outcome, COMMIT_TIMEOUT_MS);
    this.exchange.done();
  }

  async abort(): Promise<void> {
    this.exchange.abort();
  }
}

class RemoteReading implements ObjectReading {
  readonly state: ObjectState;
  private readonly exchange: FramedExchange;
  private asked = false;

  constructor(exchange: FramedExchange, state: ObjectState) {
    this.exchange = exchange;
    this.state = state;
  }

  async *body(start: number, end: number): AsyncGenerator<Uint8Array> {
    this.asked = true;
    const { exchange } = this;
    try {
      exchange.sendJson(FRAME.JSON, { start, end }).catch(() => undefined); // the answer tells
      exchange.finish();
      for (;;) {
        const frame = await exchange.receive();
        if (frame.type === FRAME.END) break;
        yield frame.payload;
      }
      exchange.done();
    } finally {
      exchange.abort(); // unless it is done
    }
  }

  async close(): Promise<void> {
    if (this.asked) return this.exchange.abort();
    this.asked = true;
    this.exchange.sendJson(FRAME.END, {}).catch(() => undefined);
    this.exchange.drain().catch(() => undefined); // nobody has to wait until the connection is free
  }
}

function pathOf({ device, partition, account, container, object }: ObjectTarget): string {
  return formatBackendPath(device, partition, account, container, object);
}

function headersOf({ policyIndex }: ObjectTarget): Record<string, string> {
  return { 'x-backend-storage-policy-index': String(policyIndex) };
}

async function exchangeJson(
  pool: Pool,
  node: string,
  request: Dispatcher.RequestOptions,
): Promise<{ statusCode: number; text: string }> {
  try {
    const { statusCode, body } = await pool.request({ ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return { statusCode, text: await body.text() };
  } catch (cause) {
    throw nodeUnavailable(node, cause);
  }
}
