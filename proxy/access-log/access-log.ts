import type { Clock } from '../../common/clock.ts';
import { onGone } from '../http/on-gone.ts';
import { decode } from '../routes/path.ts';
import { type AccessRecord, accessLine } from './line.ts';
import { maskSecret, maskUrl } from './mask.ts';
import type { ObservedRequest, ObservedResponse } from './observed.ts';

export interface AccessLogOptions {
  clock: Clock;
  /** Takes a line at once, and may lose it. */
  append(line: string): void;
  /** Characters of tokens and signatures that are shown. */
  revealed: number;
  /** Of a container that is remembered; undefined: it is not. */
  policyIndexOf(account: string, container: string): number | undefined;
}

/** Not logged, as Swift answers it above its log: those who watch over a service ask every second. */
const HEALTHCHECK = '/healthcheck';
const GONE_STATUS = 499;
const CONTAINER_PATH = /^\/v1(?:\.0)?\/([^/]+)\/([^/]+)/;

/** Writes a line for each request when it is over, whatever way it went. */
export class AccessLog {
  private readonly options: AccessLogOptions;

  constructor(options: AccessLogOptions) {
    this.options = options;
  }

  /**
   * Begins to watch a request, before anything else looks at it.
   *
   * @returns to be called when nobody works on the request any more; the line waits for that and for the end of the answer.
   */
  watch(request: ObservedRequest, response: ObservedResponse): () => void {
    const url = request.url ?? '/';
    if (url === HEALTHCHECK) return () => {};
    const { clock, append } = this.options;
    const startMs = clock.nowMs();
    const remoteAddress = request.socket.remoteAddress;
    let waitsFor: Set<'server' | 'client'> | undefined = new Set(['server', 'client']);
    const isOver = (side: 'server' | 'client') => {
      waitsFor?.delete(side);
      if (waitsFor?.size !== 0) return;
      waitsFor = undefined;
      append(accessLine(this.recordOf({ request, response, url, remoteAddress, startMs, endMs: clock.nowMs() })));
    };
    const stop = onGone(response, () => {
      stop();
      isOver('client');
    });
    return () => isOver('server');
  }

  private recordOf(watched: Watched): AccessRecord {
    const { request, response, url, remoteAddress, startMs, endMs } = watched;
    const { headers } = request;
    const { revealed } = this.options;
    const token = single(headers['x-auth-token']) ?? single(headers['x-storage-token']);
    const forwarded = single(headers['x-forwarded-for'])?.split(',', 1)[0]?.trim();
    return {
      clientAddress: single(headers['x-cluster-client-ip']) || forwarded || remoteAddress,
      remoteAddress,
      method: request.method ?? '',
      path: maskUrl(url, revealed),
      protocol: `HTTP/${request.httpVersion}`,
      status: statusOf(response),
      referer: headers.referer && maskUrl(headers.referer, revealed),
      userAgent: headers['user-agent'],
      token: token && maskSecret(token, revealed),
      bytesReceived: request.bytesReceived,
      bytesSent: response.bytesSent,
      etag: single(headers.etag),
      transactionId: response.transactionId,
      startMs,
      endMs,
      policyIndex: this.policyIndexOf(url),
    };
  }

  private policyIndexOf(url: string): number | undefined {
    const [, account, container] = CONTAINER_PATH.exec(url.split('?', 1)[0] ?? '')?.map((part) => decode(part)) ?? [];
    return account && container ? this.options.policyIndexOf(account, container) : undefined;
  }
}

interface Watched {
  request: ObservedRequest;
  response: ObservedResponse;
  /** As it was sent: host names change it later. */
  url: string;
  remoteAddress: string | undefined;
  startMs: number;
  endMs: number;
}

/** What the client was told; 499 where it went away, 500 where the answer broke off in the middle. */
function statusOf(response: ObservedResponse): number {
  if (response.isSent) return response.statusCode;
  return response.isCutOff ? 500 : GONE_STATUS;
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ');
}
