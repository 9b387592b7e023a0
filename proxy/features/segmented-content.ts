import type { Content } from '../message.ts';

/** One piece of a large object, opened when its bytes are wanted. */
export interface Segment {
  readonly sizeBytes: number;
  /** @throws ApiError 409 where the segment is gone, or is not what the manifest says. */
  open(): Promise<Content>;
}

/** The segments of a large object, read as one content: only those that a range touches are opened, one at a time. */
export function segmentedContent(segments: readonly Segment[], manifest?: Content): Content & { sizeBytes: number } {
  return {
    sizeBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    async *read(start, end) {
      let offset = 0;
      for (const segment of segments) {
        const from = Math.max(start - offset, 0);
        const to = Math.min(end - offset, segment.sizeBytes);
        offset += segment.sizeBytes;
        if (from >= to) continue;
        const content = await segment.open();
        try {
          yield* content.read(from, to);
        } finally {
          await content.close();
        }
      }
    },
    async close() {
      await manifest?.close();
    },
  };
}
