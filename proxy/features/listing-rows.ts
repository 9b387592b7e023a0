import { chunkOfRows, type ListingPage, rowsOfChunk } from '../../container-server/contract.ts';

/** A row of a container's listing as JSON has it. */
export type ListingRow = Record<string, string | number | boolean>;

/**
 * Changes the rows of a page that hold `mark`; chunks without it stay as they are, unparsed.
 *
 * @param mark text that JSON does not escape.
 */
export function changeRows(page: ListingPage, mark: string, change: (row: ListingRow) => ListingRow): ListingPage {
  if (!page.chunks.some((chunk) => holds(chunk, mark))) return page;
  const changeText = (text: string) =>
    text.includes(mark) ? JSON.stringify(change(JSON.parse(text) as ListingRow)) : text;
  const chunks = page.chunks.map((chunk) =>
    holds(chunk, mark) ? chunkOfRows(rowsOfChunk(chunk).map(changeText)) : chunk,
  );
  return { ...page, chunks };
}

function holds(chunk: Uint8Array, mark: string): boolean {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).includes(mark);
}

/** An ETag of a listing row, taken apart: features keep what they show beside it in parameters, `etag; name=value; …`. */
export function splitEtag(hash: string): { etag: string; parameters: Map<string, string> } {
  const [etag = '', ...rest] = hash.split('; ');
  return { etag, parameters: new Map(rest.map((each) => splitAt(each, each.indexOf('=')))) };
}

export function joinEtag(etag: string, parameters: ReadonlyMap<string, string>): string {
  return [etag, ...[...parameters].map(([name, value]) => `${name}=${value}`)].join('; ');
}

function splitAt(text: string, index: number): [string, string] {
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
