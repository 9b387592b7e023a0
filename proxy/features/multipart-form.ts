import type { Headers } from '../message.ts';

/** One part of a form: a field or a file. */
export interface FormPart {
  /** Names in lower case. */
  readonly headers: Headers;
  /** The bytes, once, and to the end before the next part is asked for. A chunk may be reused when the next one is asked for. */
  chunks(): AsyncGenerator<Uint8Array>;
}

/** What is wrong with a form. */
export class FormError extends Error {}

const LINE_END = Buffer.from('\r\n');
const HEADERS_END = Buffer.from('\r\n\r\n');

/**
 * Takes a `multipart/form-data` body apart while it arrives; holds no more of it than one chunk and a part's headers.
 *
 * @param mostHeaderBytes of the headers of one part.
 * @throws FormError where the body does not begin with the boundary, ends without it, or has headers that cannot be read.
 * Spec: RFC 7578; RFC 2046, 5.1.1.
 */
export async function* formParts(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  mostHeaderBytes: number,
): AsyncGenerator<FormPart> {
  const input = new Input(body, Buffer.from(`\r\n--${boundary}`));
  try {
    await input.begin(boundary);
    while (await input.hasNextPart()) {
      const headers = await input.readHeaders(mostHeaderBytes);
      yield { headers, chunks: () => input.readPart() };
    }
  } finally {
    await input.close();
  }
}

class Input {
  private readonly source: AsyncIterator<Uint8Array>;
  private readonly delimiter: Buffer;
  /** Read, and not yet given out. */
  private rest = Buffer.alloc(0);

  constructor(body: AsyncIterable<Uint8Array>, delimiter: Buffer) {
    this.source = body[Symbol.asyncIterator]();
    this.delimiter = delimiter;
  }

  /** Reads the first boundary, which nothing but empty lines may precede. */
  async begin(boundary: string): Promise<void> {
    const wanted = `--${boundary}`;
    do {
      while (this.rest.length < wanted.length + LINE_END.length && (await this.readMore()));
      if (!this.rest.subarray(0, 2).equals(LINE_END)) break;
      this.rest = this.rest.subarray(2);
    } while (this.rest.length > 0);
    if (this.rest.toString('utf8', 0, Buffer.byteLength(wanted)) !== wanted)
      throw new FormError('invalid starting boundary');
    this.rest = this.rest.subarray(Buffer.byteLength(wanted));
  }

  /** Right behind a boundary: two dashes end the form. */
  async hasNextPart(): Promise<boolean> {
    await this.need(2);
    const next = this.rest.subarray(0, 2);
    this.rest = this.rest.subarray(2);
    if (next.equals(LINE_END)) return true;
    if (next.toString('latin1') === '--') return false;
    throw new FormError('invalid boundary');
  }

  async readHeaders(mostBytes: number): Promise<Headers> {
    await this.need(2);
    if (this.rest.subarray(0, 2).equals(LINE_END)) {
      this.rest = this.rest.subarray(2);
      return {};
    }
    let end = this.rest.indexOf(HEADERS_END);
    while (end < 0) {
      if (this.rest.length > mostBytes) throw new FormError('headers of a part are too long');
      await this.need(this.rest.length + 1);
      end = this.rest.indexOf(HEADERS_END);
    }
    if (end > mostBytes) throw new FormError('headers of a part are too long');
    const text = decodeText(this.rest.subarray(0, end));
    this.rest = this.rest.subarray(end + HEADERS_END.length);
    return parseHeaders(text);
  }

  async *readPart(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.rest.indexOf(this.delimiter);
      // The last bytes may be the beginning of the boundary.
      const known = at < 0 ? Math.max(0, this.rest.length - this.delimiter.length + 1) : at;
      const piece = this.rest.subarray(0, known);
      this.rest = this.rest.subarray(at < 0 ? known : at + this.delimiter.length);
      if (piece.length > 0) yield piece;
      if (at >= 0) return;
      if (!(await this.readMore())) throw new FormError('the form ends without its boundary');
    }
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }

  private async need(bytes: number): Promise<void> {
    while (this.rest.length < bytes)
      if (!(await this.readMore())) throw new FormError('the form ends without its boundary');
  }

  private async readMore(): Promise<boolean> {
    const { value, done } = await this.source.next();
    if (done) return false;
    // Copied: the chunk may be gone when the next one is asked for.
    this.rest = Buffer.concat([this.rest, value]);
    return true;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8, or else what every byte may be. */
function decodeText(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

function parseHeaders(text: string): Headers {
  const headers: Record<string, string> = {};
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

const PARAMETER = /^(\w+)=("[^"]*"|[^";]+)(?:; ?|$)/;

/** `form-data; name="file"; filename="a.txt"`: what it is, and its parameters by name. */
export function parseDisposition(text: string): { kind: string; parameters: ReadonlyMap<string, string> } {
  const semicolon = text.indexOf(';');
  if (semicolon < 0) return { kind: text, parameters: new Map() };
  const parameters = new Map<string, string>();
  let rest = text.slice(semicolon + 1).trim();
  for (let match = PARAMETER.exec(rest); match; match = PARAMETER.exec(rest)) {
    parameters.set(match[1] ?? '', (match[2] ?? '').replace(/^"+|"+$/g, ''));
    rest = rest.slice(match[0].length);
  }
  return { kind: text.slice(0, semicolon).trim(), parameters };
}
