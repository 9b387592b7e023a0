import { Readable } from 'node:stream';
import { Agent } from 'undici';
import { SYNC_CONCURRENCY, SYNC_CONNECT_TIMEOUT_MS, SYNC_IDLE_TIMEOUT_MS } from '../limits.ts';
import type { Headers } from '../message.ts';

export interface PeerRequest {
  method: 'HEAD' | 'PUT' | 'DELETE';
  origin: string;
  path: string;
  headers: Headers;
  body?: AsyncIterable<Uint8Array>;
}

export interface PeerAnswer {
  status: number;
  /** Newest version there, where it says so. */
  timestamp: string | undefined;
}

/** The object APIs of other clusters. */
export interface SyncPeer {
  /** @throws where nobody answers in time. */
  ask(request: PeerRequest): Promise<PeerAnswer>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Asks exactly the origin that it is given: redirects are answers like others, and no proxy of the environment is used. */
export function createSyncPeer(): SyncPeer {
  const agent = new Agent({
    connections: SYNC_CONCURRENCY,
    pipelining: 1,
    connect: { timeout: SYNC_CONNECT_TIMEOUT_MS },
    headersTimeout: SYNC_IDLE_TIMEOUT_MS,
    bodyTimeout: SYNC_IDLE_TIMEOUT_MS,
  });
  return {
    async ask({ method, origin, path, headers, body }) {
      const stream = body ? Readable.from(copied(body), { objectMode: false }) : null;
      const answer = await agent.request({ method, origin, path, headers: { ...headers }, body: stream });
      await answer.body.dump(); // of what it says nothing is needed; at most 128 KiB are read
      const timestamp = answer.headers['x-timestamp'];
      return { status: answer.statusCode, timestamp: typeof timestamp === 'string' ? timestamp : undefined };
    },
    close: () => agent.destroy(),
  };
}

/** A chunk may be gone when the next one is asked for, which is before it has been sent. */
async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
