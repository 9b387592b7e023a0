import { createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { counterMode, openText, sealText } from '../../../proxy/encryption/cipher.ts';
import { FakeSwift } from '../../support/swift-fakes/fake-swift.ts';
import { rootSecrets } from '../../support/swift-fakes/root-secrets.ts';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Some of them next to where the counter wraps. */
const iv = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.nat(255).map((last) => Uint8Array.from([...new Array<number>(15).fill(255), last])),
);

describe('counter mode', () => {
  it('any part, in any chunks, decrypts to what it was', () => {
    fc.assert(
      fc.property(key, iv, fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(300), (k, v, bytes, from, size) => {
        const start = Math.min(from, bytes.length);
        const cipherText = counterMode(k, v).update(bytes);
        expect(createDecipheriv('aes-256-ctr', k, v).update(cipherText)).toEqual(Buffer.from(bytes));
        const decipher = counterMode(k, v, start);
        const part = cipherText.subarray(start, start + size);
        const middle = part.length >> 1;
        const opened = Buffer.concat([
          decipher.update(part.subarray(0, middle)),
          decipher.update(part.subarray(middle)),
        ]);
        expect(opened).toEqual(Buffer.from(bytes.subarray(start, start + size)));
      }),
    );
  });

  it('a sealed text opens to itself', () => {
    fc.assert(
      fc.property(key, fc.string({ unit: 'grapheme' }), (k, text) => {
        const sealed = sealText(k, text);
        expect(sealed).toMatch(/^[A-Za-z0-9+/]+=*$/);
        expect(openText(k, sealed)).toBe(text);
      }),
    );
  });
});

describe('encrypted objects', () => {
  let swift: FakeSwift;

  beforeAll(async () => {
    swift = await FakeSwift.start({ deps: { rootSecrets: rootSecrets(['one']) } });
    await swift.put('/c');
  });

  afterAll(() => swift.stop());

  const value = fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/);

  it('random bodies, ranges and metadata come back as they were', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/), value, { maxKeys: 5, noNullPrototype: true }),
        fc.nat(200),
        fc.nat(200),
        async (bytes, metadata, from, length) => {
          const headers = Object.fromEntries(
            Object.entries(metadata).map(([name, text]) => [`x-object-meta-${name}`, text]),
          );
          expect((await swift.put('/c/o', bytes, headers)).status).toBe(201);
          const start = from % bytes.length;
          const end = Math.min(start + length, bytes.length - 1);
          const got = await swift.request('GET', '/c/o', { headers: { range: `bytes=${start}-${end}` } });
          expect(Buffer.from(await got.arrayBuffer())).toEqual(Buffer.from(bytes.subarray(start, end + 1)));
          for (const [name, text] of Object.entries(headers)) expect(got.headers.get(name)).toBe(text);
        },
      ),
      { numRuns: 60 },
    );
  });
});
