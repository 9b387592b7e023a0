import { randomBytes } from 'node:crypto';
import type { Content } from '../message.ts';
import { type ByteRange, contentRange } from './ranges.ts';

export interface MultipartContent {
  contentType: string;
  content: Content;
}

/**
 * Several ranges of one content, as one body whose length is known before it is read.
 *
 * Spec: RFC 9110, 14.6 (`multipart/byteranges`).
 */
export function multipartRanges(
  whole: Content & { sizeBytes: number },
  ranges: readonly ByteRange[],
  partType: string,
): MultipartContent {
  const boundary = randomBytes(16).toString('hex');
  const parts = ranges.map((range) => ({
    range,
    head: Buffer.from(
      `--${boundary}\r\nContent-Type: ${partType}\r\nContent-Range: ${contentRange(range, whole.sizeBytes)}\r\n\r\n`,
    ),
  }));
  const newline = Buffer.from('\r\n');
  const tail = Buffer.from(`--${boundary}--`);
  const sizeBytes = parts.reduce(
    (sum, { range, head }) => sum + head.length + (range.end - range.start) + newline.length,
    tail.length,
  );
  return {
    contentType: `multipart/byteranges;boundary=${boundary}`,
    content: {
      sizeBytes,
      /** Always as a whole. */
      async *read() {
        for (const { range, head } of parts) {
          yield head;
          yield* whole.read(range.start, range.end);
          yield newline;
        }
        yield tail;
      },
      close: () => whole.close(),
    },
  };
}
