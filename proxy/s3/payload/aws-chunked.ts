import { createHash, type Hash } from 'node:crypto';
import { equalSecrets } from '../../../common/secrets.ts';
import { s3Error } from '../errors.ts';
import { MOST_CHUNK_BYTES, MOST_CHUNK_LINE_BYTES, MOST_TRAILERS } from '../limits.ts';
import type { SignatureChain } from '../signature/authenticate.ts';
import { EMPTY_SHA256, hmacHex, sha256Hex } from '../signature/text.ts';

export interface AwsChunkedOptions {
  chunks: AsyncIterable<Uint8Array>;
  /** Checks each chunk's signature; undefined where chunks carry none. */
  chain: SignatureChain | undefined;
  /** Whether trailers may follow the last chunk. */
  hasTrailers: boolean;
  /** Given each trailer, its name in lower case, once all are known to be whole (and signed, where chunks are). */
  onTrailer(name: string, value: string): void;
}

/**
 * Takes the framing off an aws-chunked body: `<hex size>[;chunk-signature=<hex>]` CRLF, that many bytes, CRLF, …, a chunk of size 0,
 * trailers. Bytes are passed on before their chunk's signature is known to hold: who stores them must not commit before the end.
 *
 * @throws ApiError `IncompleteBody` for a body that ends in the middle or goes on after its end, `SignatureDoesNotMatch`,
 *   `MalformedTrailerError`, `InvalidChunkSizeError`.
 * Spec: Amazon S3, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks".
 */
export async function* readAwsChunked(options: AwsChunkedOptions): AsyncGenerator<Uint8Array> {
  const source = new Source(options.chunks);
  const signatures = options.chain && new Signatures(options.chain);
  try {
    for (;;) {
      const head = parseChunkHead(await source.line('required'), signatures !== undefined);
      for (let left = head.sizeBytes; left > 0; ) {
        const piece = await source.some(left);
        left -= piece.length;
        signatures?.update(piece);
        yield piece;
      }
      signatures?.check(head.signature);
      if (head.sizeBytes === 0) break;
      if ((await source.line('required')) !== '') throw s3Error('IncompleteBody');
    }
    await readTrailers(source, signatures, options);
  } finally {
    await source.close();
  }
}

function parseChunkHead(line: string, isSigned: boolean): { sizeBytes: number; signature: string } {
  const [, size, signature] = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? [];
  if (size === undefined || (isSigned && signature === undefined)) throw s3Error('IncompleteBody');
  const sizeBytes = Number.parseInt(size, 16);
  if (sizeBytes > MOST_CHUNK_BYTES) throw s3Error('InvalidChunkSizeError');
  return { sizeBytes, signature: signature ?? '' };
}

async function readTrailers(
  source: Source,
  signatures: Signatures | undefined,
  options: AwsChunkedOptions,
): Promise<void> {
  const trailers: [name: string, value: string][] = [];
  let signature: string | undefined;
  for (;;) {
    const line = await source.line('optional');
    if (line === undefined) break;
    // Where trailers are signed, some clients end them with an empty line before the signature.
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (colon <= 0 || !options.hasTrailers || trailers.length >= MOST_TRAILERS || signature !== undefined)
      throw s3Error(options.hasTrailers ? 'MalformedTrailerError' : 'IncompleteBody');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'x-amz-trailer-signature') signature = value;
    else trailers.push([name, value]);
  }
  if (signatures && options.hasTrailers) {
    if (trailers.length > 0 || signature !== undefined) signatures.checkTrailers(trailers, signature ?? '');
  }
  for (const [name, value] of trailers) options.onTrailer(name, value);
}

/** Each signature covers the one before it: no chunk can be left out, put elsewhere or come twice. */
class Signatures {
  private readonly chain: SignatureChain;
  private previous: string;
  private hash: Hash = createHash('sha256');

  constructor(chain: SignatureChain) {
    this.chain = chain;
    this.previous = chain.seed;
  }

  update(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  check(signature: string): void {
    const text = this.hash.digest('hex');
    this.hash = createHash('sha256');
    this.advance('AWS4-HMAC-SHA256-PAYLOAD', [EMPTY_SHA256, text], signature);
  }

  checkTrailers(trailers: readonly (readonly [string, string])[], signature: string): void {
    const text = trailers.map(([name, value]) => `${name}:${value}\n`).join('');
    this.advance('AWS4-HMAC-SHA256-TRAILER', [sha256Hex(text)], signature);
  }

  private advance(kind: string, hashes: readonly string[], signature: string): void {
    const { key, amzDate, scope } = this.chain;
    const expected = hmacHex(key, [kind, amzDate, scope, this.previous, ...hashes].join('\n'));
    if (!equalSecrets(expected, signature)) throw s3Error('SignatureDoesNotMatch');
    this.previous = expected;
  }
}

/** A body's bytes by lines and by pieces. A piece is gone when the next one is asked for. */
class Source {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array(0);
  private hasEnded = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `most`. @throws ApiError `IncompleteBody` at the end. */
  async some(most: number): Promise<Uint8Array> {
    if (!(await this.fill())) throw s3Error('IncompleteBody');
    const piece = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(piece.length);
    return piece;
  }

  line(need: 'required'): Promise<string>;
  line(need: 'optional'): Promise<string | undefined>;
  /** Without its end, CRLF or LF. @returns undefined at the end of the body, where no line is needed. */
  async line(need: 'required' | 'optional'): Promise<string | undefined> {
    let text = '';
    for (;;) {
      if (!(await this.fill())) {
        if (need === 'optional' && text === '') return undefined;
        throw s3Error('IncompleteBody');
      }
      const end = this.rest.indexOf(0x0a);
      const part = end < 0 ? this.rest : this.rest.subarray(0, end);
      if (text.length + part.length > MOST_CHUNK_LINE_BYTES) throw s3Error('IncompleteBody');
      text += Buffer.from(part.buffer, part.byteOffset, part.length).toString('latin1');
      this.rest = this.rest.subarray(end < 0 ? this.rest.length : end + 1);
      if (end >= 0) return text.endsWith('\r') ? text.slice(0, -1) : text;
    }
  }

  async close(): Promise<void> {
    if (!this.hasEnded) await this.iterator.return?.();
  }

  /** Whether there is a byte. */
  private async fill(): Promise<boolean> {
    while (this.rest.length === 0) {
      if (this.hasEnded) return false;
      const next = await this.iterator.next();
      if (next.done) this.hasEnded = true;
      else this.rest = next.value;
    }
    return true;
  }
}
