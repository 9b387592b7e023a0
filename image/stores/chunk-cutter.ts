/** Cuts a stream into consecutive pieces of a bounded size, each a stream of its own, without copying. */
export class ChunkCutter {
  private readonly source: AsyncIterator<Buffer>;
  private rest: Buffer | undefined;

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** Whether the stream has another byte. Waits for it. */
  async hasMore(): Promise<boolean> {
    while (this.rest === undefined || this.rest.length === 0) {
      const step = await this.source.next();
      if (step.done) return false;
      this.rest = step.value;
    }
    return true;
  }

  /** The next piece: `bytes` bytes, fewer only at the end of the stream. Read it to its end before asking for another. */
  async *piece(bytes: number): AsyncGenerator<Buffer, void, void> {
    for (let left = bytes; left > 0 && (await this.hasMore()); ) {
      const chunk = this.rest ?? Buffer.alloc(0);
      this.rest = chunk.subarray(left);
      const part = chunk.subarray(0, left);
      left -= part.length;
      yield part;
    }
  }

  /** Tells the source that nobody reads on, so that it lets go of what it holds. */
  async stop(): Promise<void> {
    await this.source.return?.();
  }
}
