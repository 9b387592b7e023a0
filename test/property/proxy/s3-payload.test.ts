import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../common/errors.ts';
import { type Algorithm, beginChecksum, crcKindOf } from '../../../proxy/s3/checksums/algorithms.ts';
import { CrcCombiner } from '../../../proxy/s3/checksums/combine.ts';
import { readAwsChunked } from '../../../proxy/s3/payload/aws-chunked.ts';
import { parseXml } from '../../../proxy/s3/xml/read.ts';
import { element } from '../../../proxy/s3/xml/write.ts';
import { anyCharacter } from '../../support/any-character.ts';

const CRCS: readonly Algorithm[] = ['CRC32', 'CRC32C', 'CRC64NVME'];

function digest(algorithm: Algorithm, ...pieces: readonly Uint8Array[]): bigint {
  const running = beginChecksum(algorithm);
  for (const piece of pieces) running.update(piece);
  return BigInt(`0x${running.digest().toString('hex')}`);
}

describe('checksums', () => {
  it('are those of the catalogue of CRCs', () => {
    const text = Buffer.from('123456789');
    expect(digest('CRC32', text)).toBe(0xcbf43926n);
    expect(digest('CRC32C', text)).toBe(0xe3069283n);
    expect(digest('CRC64NVME', text)).toBe(0xae8b14860a799888n);
  });

  it('are the same however a text comes in pieces, and made of the pieces’ own', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const whole = Buffer.concat([first, second]);
        for (const algorithm of CRCS) {
          const kind = crcKindOf(algorithm);
          if (!kind) throw new Error(`${algorithm} is a CRC`);
          expect(digest(algorithm, first, second)).toBe(digest(algorithm, whole));
          const made = new CrcCombiner(kind).combine(
            digest(algorithm, first),
            digest(algorithm, second),
            second.length,
          );
          expect(made).toBe(digest(algorithm, whole));
        }
      }),
    );
  });
});

/** A body as it comes in from the network, cut anywhere. */
async function* pieces(text: Buffer, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((left, right) => left - right);
  let start = 0;
  for (const end of [...ends, text.length]) {
    yield Uint8Array.from(text.subarray(start, end));
    start = end;
  }
}

async function decode(framed: Buffer, cuts: readonly number[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  const options = { chain: undefined, hasTrailers: true, onTrailer: () => {} };
  for await (const part of readAwsChunked({ chunks: pieces(framed, cuts), ...options })) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

function framedOf(chunks: readonly Uint8Array[]): Buffer {
  const parts = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

describe('an aws-chunked body', () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
  const cuts = fc.array(fc.nat(400), { maxLength: 8 });

  it('is what was framed, however it comes in', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, cuts, async (given, at) => {
        expect(await decode(framedOf(given), at)).toEqual(Buffer.concat(given));
      }),
    );
  });

  it('that ends before its last chunk is an error, wherever it ends', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, cuts, fc.nat(400), async (given, at, end) => {
        const framed = framedOf(given);
        // Behind the last chunk's head only an empty line may be missing.
        const cut = framed.subarray(0, end % (framed.length - 2));
        await expect(decode(cut, at)).rejects.toMatchObject({ code: 'IncompleteBody' });
      }),
    );
  });

  it('that is noise is an error and never anything else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), cuts, async (noise, at) => {
        const outcome = await decode(Buffer.from(noise), at).catch((error: unknown) => error);
        if (!Buffer.isBuffer(outcome)) expect(outcome).toBeInstanceOf(ApiError);
      }),
    );
  });
});

describe('XML', () => {
  it('reads what it writes', () => {
    const text = fc
      .string({ unit: anyCharacter })
      .map((raw) => raw.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, ''));
    fc.assert(
      fc.property(text, (key) => {
        const document = parseXml(element('Delete', [element('Object', [element('Key', key)])]), 'Delete');
        expect(document.one('Object')?.textOf('Key')).toBe(key);
      }),
    );
  });

  it('that is noise is refused, or read, and never anything else', () => {
    const noise = fc
      .array(fc.constantFrom('<', '>', '/', 'a', '<a>', '</a>', '&', ';', '"', '!', '?', '[', ']', '-', 'CDATA', ' '))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(noise, (text) => {
        try {
          parseXml(`<a>${text}</a>`, 'a');
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
      }),
    );
  });
});
