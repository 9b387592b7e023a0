import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import type { ServiceSession } from '../../auth/contract.ts';
import { ApiError, invariant } from '../../common/errors.ts';
import { storageFull, storeUnavailable, tooLarge } from '../errors.ts';
import { MOST_SEGMENTS, SEGMENT_DIGITS, STORE_TIMEOUT_MS } from '../limits.ts';
import { ChunkCutter } from './chunk-cutter.ts';
import type { ByteSpan, ImageStore, StoreLocation, SwiftLocation, SwiftSegment } from './contract.ts';

export interface SwiftStoreOptions {
  session: ServiceSession;
  container: string;
  segmentBytes: number;
}

interface SwiftRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: AsyncIterable<Buffer>;
}

type SwiftResponse = Dispatcher.ResponseData;

/**
 * Images as objects `<container>/<image id>-NNNNN` of the service project, through the Swift API. The image's record lists the
 * segments, so a read is GETs of the ones it touches.
 */
export class SwiftStore implements ImageStore {
  readonly kind = 'swift';
  private readonly options: SwiftStoreOptions;

  constructor(options: SwiftStoreOptions) {
    this.options = options;
  }

  async isAvailable(): Promise<boolean> {
    return this.options.session.endpoint('object-store').then(
      () => true,
      () => false,
    );
  }

  async write(imageId: string, data: AsyncIterable<Buffer>): Promise<StoreLocation> {
    const cutter = new ChunkCutter(data);
    const segments: SwiftSegment[] = [];
    try {
      await this.succeed({ method: 'PUT', path: `/${this.options.container}` });
      while (await cutter.hasMore()) {
        if (segments.length >= MOST_SEGMENTS) throw tooLarge('The image has too many segments for this store.');
        segments.push(await this.writeSegment(segmentName(imageId, segments.length), cutter));
      }
    } finally {
      await cutter.stop();
    }
    const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    return { kind: 'swift', sizeBytes, container: this.options.container, segments };
  }

  async *read(location: StoreLocation, { start, end }: ByteSpan): AsyncGenerator<Buffer, void, void> {
    invariant(location.kind === 'swift', 'a location of this store');
    let segmentStart = 0;
    for (const segment of location.segments) {
      const span = {
        start: Math.max(0, start - segmentStart),
        end: Math.min(segment.sizeBytes, end - segmentStart),
      };
      if (span.start < span.end) yield* this.readSegment(location, segment, span);
      segmentStart += segment.sizeBytes;
    }
  }

  async delete(location: StoreLocation): Promise<void> {
    invariant(location.kind === 'swift', 'a location of this store');
    for (const { name } of location.segments) await this.deleteObject(location.container, name);
  }

  async discard(imageId: string): Promise<void> {
    const { container } = this.options;
    const query = `prefix=${encodeURIComponent(`${imageId}-`)}`;
    for (let marker = ''; ; ) {
      const names = await this.listNames(`/${container}?${query}&marker=${encodeURIComponent(marker)}`);
      const last = names.at(-1);
      if (last === undefined) return;
      for (const name of names) await this.deleteObject(container, name);
      marker = last;
    }
  }

  /**
   * A streamed body cannot be sent twice, so the token is tried on the container first: a segment that is refused afterwards
   * fails the upload.
   */
  private async writeSegment(name: string, cutter: ChunkCutter): Promise<SwiftSegment> {
    const { container, segmentBytes } = this.options;
    await this.succeed({ method: 'HEAD', path: `/${container}` });
    const md5 = createHash('md5');
    let sizeBytes = 0;
    let failure: unknown;
    const body = (async function* measured(): AsyncGenerator<Buffer, void, void> {
      try {
        for await (const chunk of cutter.piece(segmentBytes)) {
          md5.update(chunk);
          sizeBytes += chunk.length;
          yield chunk;
        }
      } catch (error) {
        failure = error; // undici reports the body's failure as its own
        throw error;
      }
    })();
    const headers = { 'content-type': 'application/octet-stream' };
    const response = await this.send({ method: 'PUT', path: `/${container}/${name}`, headers, body }).catch((error) => {
      throw failure ?? error;
    });
    await response.body.dump();
    if (failure !== undefined) throw failure;
    if (response.statusCode !== 201) throw refusalOf(response.statusCode);
    const etag = String(response.headers['etag'] ?? '').replace(/"/g, '');
    if (etag !== md5.digest('hex')) throw storeUnavailable('swift', new Error(`${name} was stored with other bytes`));
    return { name, sizeBytes };
  }

  private async *readSegment(
    { container }: SwiftLocation,
    { name, sizeBytes }: SwiftSegment,
    span: ByteSpan,
  ): AsyncGenerator<Buffer, void, void> {
    const whole = span.start === 0 && span.end === sizeBytes;
    const headers: Record<string, string> = whole ? {} : { range: `bytes=${span.start}-${span.end - 1}` };
    const response = await this.sendTwice({ method: 'GET', path: `/${container}/${name}`, headers });
    if (response.statusCode !== (whole ? 200 : 206)) {
      await response.body.dump();
      throw storeUnavailable('swift', new Error(`segment ${name} was answered ${response.statusCode}`));
    }
    let left = span.end - span.start;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0) break;
      yield chunk;
    }
    if (left !== 0) throw new Error(`segment ${name} is ${left > 0 ? 'shorter' : 'longer'} than its record says`);
  }

  private async deleteObject(container: string, name: string): Promise<void> {
    await this.succeed({ method: 'DELETE', path: `/${container}/${encodeURIComponent(name)}` }, [404]);
  }

  private async listNames(path: string): Promise<string[]> {
    const response = await this.sendTwice({ method: 'GET', path });
    const text = await response.body.text();
    if (response.statusCode === 404) return [];
    if (response.statusCode >= 300) throw refusalOf(response.statusCode);
    return text.split('\n').filter((name) => name !== '');
  }

  /** An exchange whose answer is only a status, 2xx or one of `alsoFine`. */
  private async succeed(exchange: SwiftRequest, alsoFine: readonly number[] = []): Promise<void> {
    const { statusCode, body } = await this.sendTwice(exchange);
    await body.dump();
    if (statusCode >= 300 && !alsoFine.includes(statusCode)) throw refusalOf(statusCode);
  }

  /** Sends, and once more with a new token if this one has been revoked. */
  private async sendTwice(exchange: SwiftRequest): Promise<SwiftResponse> {
    const response = await this.send(exchange);
    if (response.statusCode !== 401) return response;
    await response.body.dump();
    this.options.session.forgetToken();
    return this.send(exchange);
  }

  private async send({ method, path, headers, body }: SwiftRequest): Promise<SwiftResponse> {
    try {
      const [endpoint, token] = await Promise.all([
        this.options.session.endpoint('object-store'),
        this.options.session.token(),
      ]);
      const response = await request(`${endpoint}${path}`, {
        method,
        headers: { ...headers, 'x-auth-token': token },
        body: body ? Readable.from(body, { objectMode: false }) : null,
        headersTimeout: body ? 0 : STORE_TIMEOUT_MS,
        bodyTimeout: STORE_TIMEOUT_MS,
      });
      response.body.on('error', () => undefined); // undici emits one when a reader stops early; who reads on gets it anyway
      return response;
    } catch (error) {
      throw error instanceof ApiError ? error : storeUnavailable('swift', error);
    }
  }
}

function segmentName(imageId: string, index: number): string {
  return `${imageId}-${String(index + 1).padStart(SEGMENT_DIGITS, '0')}`;
}

function refusalOf(status: number): ApiError {
  const cause = new Error(`the object store answered ${status}`);
  return status === 413 || status === 507 ? storageFull(cause) : storeUnavailable('swift', cause);
}
