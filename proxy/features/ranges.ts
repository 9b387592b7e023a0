import { MOST_RANGE_OVERLAPS, MOST_RANGES, MOST_UNORDERED_RANGES } from '../limits.ts';

/** Bytes `start` (inclusive) to `end` (exclusive). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** One element of a Range header: `first-last`, `first-`, or `-suffix` (then `first` is undefined). */
export interface RangeSpec {
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/**
 * Reads a Range header.
 *
 * @returns undefined where it is absent or malformed: it then does not count.
 * Spec: RFC 9110, 14.1.2.
 */
export function parseRange(header: string | undefined): RangeSpec[] | undefined {
  if (!header) return undefined;
  const text = header.replaceAll(' ', '');
  if (!text.toLowerCase().startsWith('bytes=')) return undefined;
  const specs: RangeSpec[] = [];
  for (const part of text.slice(6).split(',')) {
    const match = /^(\d*)-(\d*)$/.exec(part);
    if (!match) return undefined;
    const first = match[1] ? Number(match[1]) : undefined;
    const last = match[2] ? Number(match[2]) : undefined;
    if (first === undefined && last === undefined) return undefined;
    if (first !== undefined && last !== undefined && last < first) return undefined;
    specs.push({ first, last });
  }
  return specs;
}

/**
 * The ranges that a body of some size can satisfy.
 *
 * @returns none where the header asks for nothing that is there, or for more than is decent.
 * Spec: RFC 9110, 14.1.2 and 14.2; Swift's bounds on the number, the overlaps and the disorder.
 */
export function satisfiableRanges(specs: readonly RangeSpec[], sizeBytes: number): ByteRange[] {
  const ranges = specs.flatMap(({ first, last }): ByteRange[] => {
    if (first === undefined) return last ? [{ start: Math.max(0, sizeBytes - last), end: sizeBytes }] : [];
    if (first >= sizeBytes) return [];
    return [{ start: first, end: last === undefined ? sizeBytes : Math.min(last + 1, sizeBytes) }];
  });
  if (ranges.length > MOST_RANGES) return [];
  if (countOverlaps(ranges) > MOST_RANGE_OVERLAPS) return [];
  const isAscending = ranges.every((range, index) => index === 0 || (ranges[index - 1]?.start ?? 0) <= range.start);
  return !isAscending && ranges.length >= MOST_UNORDERED_RANGES ? [] : ranges;
}

function countOverlaps(ranges: readonly ByteRange[]): number {
  let overlaps = 0;
  for (const [index, left] of ranges.entries())
    for (const right of ranges.slice(index + 1))
      if (reachesInto(left, right) || reachesInto(right, left)) overlaps += 1;
  return overlaps;
}

/** Whether `right` begins or ends within `left`. The same range again does neither: Swift's rule, letter by letter. */
function reachesInto(left: ByteRange, right: ByteRange): boolean {
  return (left.start < right.start && right.start < left.end) || (left.start < right.end && right.end < left.end);
}

/** `bytes 0-9/100`. */
export function contentRange({ start, end }: ByteRange, sizeBytes: number): string {
  return `bytes ${start}-${end - 1}/${sizeBytes}`;
}
