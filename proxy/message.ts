import type { Identity } from '../auth/guard/contract.ts';
import type { Logger } from '../common/log.ts';
import type { ListingPage } from '../container-server/contract.ts';

/** What a request is about, decoded. */
export interface ResourcePath {
  readonly account: string;
  readonly container?: string;
  readonly object?: string;
}

/** Header name in lower case to its value, decoded from UTF-8. */
export type Headers = Readonly<Record<string, string>>;

/** A request as the features see it. Never changed: a feature passes a changed copy on. */
export interface ProxyRequest {
  readonly method: string;
  readonly path: ResourcePath;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: Headers;
  readonly body: RequestBody;
  readonly context: RequestContext;
  /** A feature's own, whatever its client may do: it is allowed. Sub-requests that are made of it are the client's again. */
  readonly isOwn?: true;
}

/** What all requests that one client request leads to share. */
interface RequestContext {
  readonly transactionId: string;
  /** Undefined: anonymous, or with a token that identity refuses. */
  readonly caller: Identity | undefined;
  /** The service that asks on behalf of the caller, by a token of its own; looked at only where accounts need one. */
  readonly serviceCaller?: Identity;
  /** There for a signed URL or form: it decides, and no caller. */
  readonly signedGrant?: SignedGrant;
  readonly client: ClientSide;
  readonly log: Logger;
}

/** What is known of the client's own request beside what it says. */
interface ClientSide {
  /** Of the other end of the connection; undefined when it is gone. */
  readonly address: string | undefined;
  /** The path as it was sent, decoded, with the version: `/v1/AUTH_p/c/`. A slash at the end is no part of a `ResourcePath`. */
  readonly pathText: string;
}

/**
 * What a signature, made with a key of the account or container, allows in place of a caller's roles and of ACLs: exactly its own request.
 * Where that one reads, also the reads that it leads to (segments, targets of links), as far as the key's scope goes. It writes
 * nothing but its own path.
 */
export interface SignedGrant {
  /** What the client asks for, which the signature covers. */
  readonly method: string;
  readonly path: Required<ResourcePath>;
  /** Whose key it is: the account's or the container's. */
  readonly scope: 'account' | 'container';
  /** Another cluster's: what it sends is taken as it is there, manifests and links too, which may come before what they lead to. */
  readonly isSync?: true;
}

export interface RequestBody {
  /** Undefined: chunked. */
  readonly sizeBytes: number | undefined;
  /**
   * The bytes, once. A chunk may be reused, or gone, when the next one is asked for.
   * @throws ApiError 499 when the client goes away, 408 when it keeps still.
   */
  chunks(): AsyncIterable<Uint8Array>;
  /** Sysmeta of the object that is known only when all chunks have been read: stored with it, over what the headers say. */
  footer?(): Headers;
}

export interface ProxyResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined: none, or the page of the status. */
  readonly body?: Content | undefined;
  /** Rows of an account or container listing: rendered by the listing format feature. */
  readonly rows?: ListingPage;
}

/** Bytes that a response carries, or could: ranges and conditions are decided before they are read. */
export interface Content {
  /** Undefined: known only at the end. */
  readonly sizeBytes: number | undefined;
  /**
   * Bytes `start` (inclusive) to `end` (exclusive). A chunk may be reused when the next one is asked for. At most once at a time.
   * @throws ApiError before the first chunk, where an answer can still say so.
   */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  /** Releases what it holds. Never rejects. */
  close(): Promise<void>;
}

export type Handler = (request: ProxyRequest) => Promise<ProxyResponse>;

/** A part of the object API that wraps the parts below it. */
export type Feature = (next: Handler) => Handler;

export const NO_BODY: RequestBody = {
  sizeBytes: 0,
  async *chunks() {},
};

export function bodyOf(bytes: Uint8Array): RequestBody {
  return {
    sizeBytes: bytes.length,
    async *chunks() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

/** Content that is in memory. */
export function contentOf(data: string | Uint8Array): Content {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return {
    sizeBytes: bytes.length,
    async *read(start, end) {
      if (end > start) yield bytes.subarray(start, end);
    },
    async close() {},
  };
}

/** All bytes of a small content. @returns undefined where it is longer than `mostBytes`. */
export async function readWhole(content: Content, mostBytes: number): Promise<Buffer | undefined> {
  return collect(content.read(0, content.sizeBytes ?? Number.POSITIVE_INFINITY), mostBytes);
}

/** Copies a stream of chunks together. @returns undefined where it is longer than `mostBytes`. */
export async function collect(chunks: AsyncIterable<Uint8Array>, mostBytes: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > mostBytes) return undefined;
    parts.push(Buffer.from(chunk));
  }
  return Buffer.concat(parts);
}

const TRUE_WORDS: ReadonlySet<string> = new Set(['true', '1', 'yes', 'on', 't', 'y']);

/** Spec: Swift, `config_true_value`. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && TRUE_WORDS.has(value.toLowerCase());
}

/** The request for another resource that a feature makes on behalf of the same caller; nothing of the original but its context. */
export function subrequest(
  request: ProxyRequest,
  change: { method: string; path: ResourcePath } & Partial<ProxyRequest>,
): ProxyRequest {
  return { query: new Map(), headers: {}, body: NO_BODY, context: request.context, ...change };
}

/** Whether the request is about an object, and which. */
export function objectPathOf(path: ResourcePath): Required<ResourcePath> | undefined {
  const { account, container, object } = path;
  return container === undefined || object === undefined ? undefined : { account, container, object };
}
