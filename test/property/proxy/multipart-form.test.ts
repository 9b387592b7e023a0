import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formParts } from '../../../proxy/features/multipart-form.ts';

/** The text in pieces of that many bytes, all in the same memory. */
async function* inPieces(text: string, pieceBytes: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  const memory = Buffer.alloc(pieceBytes);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const length = bytes.copy(memory, 0, at, at + pieceBytes);
    yield memory.subarray(0, length);
    memory.fill(0x21);
  }
}

describe('the parts of a form', () => {
  it('come out as they went in, wherever the body is cut', async () => {
    const piece = fc.constantFrom('\r\n', '--', 'b', '\r', '\n', '-', 'x', '\r\n--', 'é');
    const value = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    const isPlain = (text: string) => !`\r\n${text}`.includes('\r\n--b');
    await fc.assert(
      fc.asyncProperty(
        fc.array(value.filter(isPlain), { maxLength: 5 }),
        fc.integer({ min: 1, max: 40 }),
        async (values, size) => {
          const body = values.map((text, index) => `--b\r\nName: ${index}\r\n\r\n${text}\r\n`).join('');
          const seen: string[] = [];
          for await (const part of formParts(inPieces(`${body}--b--`, size), 'b', 100)) {
            expect(part.headers).toEqual({ name: String(seen.length) });
            const chunks: Buffer[] = [];
            for await (const chunk of part.chunks()) chunks.push(Buffer.from(chunk));
            seen.push(Buffer.concat(chunks).toString());
          }
          expect(seen).toEqual(values);
        },
      ),
    );
  });
});
