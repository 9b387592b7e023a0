import type { ByteSpan } from '../stores/contract.ts';

/**
 * The span that a `Range` header asks for; undefined where the whole image is the answer: no header, another unit, something
 * malformed, or several ranges at once.
 *
 * Spec: RFC 9110, 14.2 "Range" (a server may ignore it) and 14.1.2 "Byte Ranges".
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteSpan | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const suffix = Number(last);
    return suffix === 0 || sizeBytes === 0
      ? 'unsatisfiable'
      : { start: Math.max(0, sizeBytes - suffix), end: sizeBytes };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= sizeBytes) return 'unsatisfiable';
  return { start, end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) };
}
