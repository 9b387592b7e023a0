import type { ObjectReading } from '../../object-server/contract.ts';
import type { ObjectName } from '../actions/read-object.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { refusal } from '../errors.ts';
import type { Content } from '../message.ts';
import type { ErasureCodec } from './codec.ts';
import { findFragment } from './fragments.ts';
import type { CodedBody } from './head.ts';
import { fragmentBytes, pieceBytes, pieceCount, pieceOffset, segmentLength } from './layout.ts';

export interface CodedContentOptions {
  cluster: Cluster;
  codec: ErasureCodec;
  name: ObjectName;
  body: CodedBody;
  /** Told of each fragment that its own device has lost. */
  onLost?: (index: number) => void;
}

/** A body that is put together from any of its fragments, as many as it has data pieces; others take the place of those that fail on the way. */
export class CodedContent implements Content {
  readonly sizeBytes: number;
  private readonly options: CodedContentOptions;
  /** Found, and not read yet. */
  private readonly found = new Map<number, ObjectReading>();
  /** Not to be asked again. */
  private readonly bad = new Set<number>();

  constructor(options: CodedContentOptions) {
    this.options = options;
    this.sizeBytes = options.body.sizeBytes;
  }

  /** Finds enough fragments. @throws ApiError 503. */
  async locate(): Promise<void> {
    const { body } = this.options;
    while (this.found.size < body.dataPieces) {
      const wanted = body.dataPieces - this.found.size;
      const candidates = Array.from({ length: pieceCount(body) }, (_, index) => index)
        .filter((index) => !this.found.has(index) && !this.bad.has(index))
        .slice(0, wanted);
      if (candidates.length < wanted) {
        await this.close();
        throw refusal(503);
      }
      await Promise.all(candidates.map((index) => this.find(index)));
    }
  }

  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    const last = Math.min(end, this.sizeBytes);
    if (start >= last) return;
    const { body } = this.options;
    const firstSegment = Math.floor(start / body.segmentBytes);
    const lastSegment = Math.floor((last - 1) / body.segmentBytes);
    for await (const { index, data } of this.segments(firstSegment, lastSegment)) {
      const at = index * body.segmentBytes;
      yield data.subarray(Math.max(start - at, 0), Math.min(last - at, data.length));
    }
  }

  /** The plain bytes of the segments from one to another, both included, each in memory of its own with room for its parity. */
  async *segments(
    first: number,
    last: number,
  ): AsyncGenerator<{ index: number; data: Uint8Array; pieces: Uint8Array }> {
    const { body, codec } = this.options;
    let streams: PieceStream[] = [];
    try {
      for (let index = first; index <= last; index += 1) {
        const length = segmentLength(body, index);
        const bytes = pieceBytes(body, length);
        const pieces = Buffer.allocUnsafe(bytes * pieceCount(body));
        for (let missing = true; missing; ) {
          streams = await this.refill(streams, pieceOffset(body, index));
          const alive = await Promise.all(
            streams.map((stream) =>
              this.take(stream, pieces.subarray(stream.index * bytes, (stream.index + 1) * bytes)),
            ),
          );
          missing = alive.includes(false);
          if (!missing) continue;
          // All begin this segment again: those that had it already, too.
          for (const stream of streams) await stream.close();
          streams = [];
        }
        const present = streams.map((stream) => stream.index);
        await codec.restore(pieces, body, present);
        yield { index, data: pieces.subarray(0, length), pieces };
      }
    } finally {
      for (const stream of streams) await stream.close();
    }
  }

  async close(): Promise<void> {
    const readings = [...this.found.values()];
    this.found.clear();
    await Promise.all(readings.map((reading) => reading.close()));
  }

  private async refill(streams: PieceStream[], offset: number): Promise<PieceStream[]> {
    if (streams.length > 0) return streams;
    await this.locate();
    const opened = [...this.found].map(
      ([index, reading]) => new PieceStream(index, reading, offset, fragmentBytes(this.options.body)),
    );
    this.found.clear();
    return opened;
  }

  /** @returns false where the fragment fails: it is not asked again. */
  private async take(stream: PieceStream, into: Uint8Array): Promise<boolean> {
    const { cluster } = this.options;
    try {
      await withDeadline(stream.take(into), cluster.nodeTimeoutMs);
      return true;
    } catch (error) {
      cluster.logger.warn({ err: error, fragment: stream.index }, 'a fragment failed while it was read');
      this.bad.add(stream.index);
      return false;
    }
  }

  private async find(index: number): Promise<void> {
    const { cluster, name, body, onLost } = this.options;
    const found = await findFragment(cluster, name, body, index);
    if (found === 'absent' || (typeof found === 'object' && found.isMisplaced)) onLost?.(index);
    if (typeof found === 'object') this.found.set(index, found.reading);
    else this.bad.add(index);
  }
}

/** One fragment, read from an offset to its end, piece by piece. */
class PieceStream {
  readonly index: number;
  private readonly reading: ObjectReading;
  private readonly chunks: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(index: number, reading: ObjectReading, start: number, end: number) {
    this.index = index;
    this.reading = reading;
    this.chunks = reading.body(start, end)[Symbol.asyncIterator]();
  }

  /** Fills the memory. @throws what the reading throws, or where it ends before. */
  async take(into: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      if (this.rest.length === 0) {
        const next = await this.chunks.next();
        if (next.done) throw new Error('a fragment ended too early');
        this.rest = next.value;
      }
      const bytes = Math.min(this.rest.length, into.length - filled);
      into.set(this.rest.subarray(0, bytes), filled);
      this.rest = this.rest.subarray(bytes);
      filled += bytes;
    }
  }

  async close(): Promise<void> {
    // Nobody waits for one that hangs.
    void this.chunks.return?.()?.then(undefined, () => {});
    await this.reading.close();
  }
}
