import { MOST_FREE_PAGE_BLOCKS, PAGE_BLOCK_BYTES } from '../limits.ts';

/** Memory of one page. */
export interface PageLease {
  /** The text's bytes, in memory that is the page's until `release`. */
  write(text: string): Buffer;
  /** The memory may be used for other pages. Only the first call counts. */
  release(): void;
}

/**
 * Memory for pages, used again and again. A page is large and lives long enough to outlast the garbage collector's young space: each
 * in memory of its own costs a third of all that a page costs. What is never released is the garbage collector's.
 */
export class PageMemory {
  private readonly free: Buffer[] = [];

  lease(): PageLease {
    const blocks: Buffer[] = [];
    let used = PAGE_BLOCK_BYTES; // of the last block
    let released = false;
    return {
      write: (text) => {
        const bytes = Buffer.byteLength(text);
        if (bytes > PAGE_BLOCK_BYTES) return Buffer.from(text);
        if (used + bytes > PAGE_BLOCK_BYTES) {
          blocks.push(this.free.pop() ?? Buffer.allocUnsafeSlow(PAGE_BLOCK_BYTES));
          used = 0;
        }
        const block = blocks.at(-1) ?? Buffer.alloc(0);
        const written = block.subarray(used, used + block.write(text, used));
        used += bytes;
        return written;
      },
      release: () => {
        if (released) return;
        released = true;
        this.free.push(...blocks.slice(0, MOST_FREE_PAGE_BLOCKS - this.free.length));
      },
    };
  }
}

/** Every page in memory of its own, for pages that leave the thread. */
export const UNSHARED: Pick<PageMemory, 'lease'> = {
  lease: () => ({ write: (text) => Buffer.from(text), release: () => undefined }),
};
