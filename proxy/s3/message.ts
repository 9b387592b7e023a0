import type { Identity } from '../../auth/guard/contract.ts';
import type { Clock } from '../../common/clock.ts';
import type { KnownContainers } from '../backend/known-containers.ts';
import type { Handler, Headers, ProxyRequest, ProxyResponse, RequestBody } from '../message.ts';

/** A signed request, its signature checked. */
export interface S3Request {
  readonly method: string;
  /** Undefined: the request is about the service. */
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly query: ReadonlyMap<string, string>;
  /** Names in lower case, values decoded from UTF-8. */
  readonly headers: Headers;
  /** Of the signer's project: every bucket is a container of it. */
  readonly account: string;
  readonly identity: Identity;
  /** What was meant: without the framing of chunks, verified as it is read by what the request says of it. */
  readonly body: RequestBody;
  readonly context: ProxyRequest['context'];
}

export interface S3Services {
  /** The object API below what only Swift's dialect has in front. */
  readonly objects: Handler;
  readonly containers: KnownContainers;
  readonly clock: Clock;
  readonly region: string;
  /** Whether who asks may see and set the ACLs of what a request is about. */
  isOwner(request: ProxyRequest): Promise<boolean>;
  /** Notes that a bucket gets lifecycle rules, before it does. @throws ApiError 503. */
  noteLifecycle(account: string, bucket: string): Promise<void>;
  /** Smallest part but the last, bytes. */
  readonly leastPartBytes: number;
}

/** One operation of the API. */
export type Operation = (request: S3Request, services: S3Services) => Promise<ProxyResponse>;
