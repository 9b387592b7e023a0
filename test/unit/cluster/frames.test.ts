import { describe, expect, it } from 'vitest';
import { formatBackendPath, parseBackendPath } from '../../../common/cluster/backend-path.ts';
import { FRAME, FrameDecoder, FrameEncoder } from '../../../common/cluster/frames.ts';

async function* cut(bytes: Buffer, step: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += step) yield bytes.subarray(start, start + step);
}

function threeFrames(): Buffer[] {
  const encoder = new FrameEncoder();
  return [
    encoder.encodeJson(FRAME.JSON, { a: 1 }),
    encoder.encode(FRAME.DATA, Buffer.from('data')),
    encoder.encode(FRAME.END, Buffer.alloc(0)),
  ];
}

async function decodeAll(bytes: Buffer, step = 1000): Promise<string[]> {
  const decoder = new FrameDecoder(cut(bytes, step));
  const seen: string[] = [];
  for (;;) {
    const { type, payload } = await decoder.next();
    seen.push(`${type} ${payload}`);
    if (type === FRAME.END) return seen;
  }
}

describe('frames', () => {
  it.each([1, 3, 7, 1000])('come out as they went in, in chunks of %i bytes', async (step) => {
    expect(await decodeAll(Buffer.concat(threeFrames()), step)).toEqual(['1 {"a":1}', '2 data', '3 ']);
  });

  it('are refused when the stream ends before the final one, at any byte', async () => {
    const whole = Buffer.concat(threeFrames());
    for (let end = 0; end < whole.length; end += 1)
      await expect(decodeAll(whole.subarray(0, end)), `${end} bytes`).rejects.toMatchObject({ code: 'BrokenStream' });
  });

  it('are refused when any bit is flipped', async () => {
    const whole = Buffer.concat(threeFrames());
    for (let index = 0; index < whole.length; index += 1) {
      const flipped = Buffer.from(whole);
      flipped[index] = (flipped[index] ?? 0) ^ 4;
      await expect(decodeAll(flipped), `byte ${index}`).rejects.toMatchObject({ code: 'BrokenStream' });
    }
  });

  it('are refused when one is lost, repeated or out of order', async () => {
    const [first, second, last] = threeFrames() as [Buffer, Buffer, Buffer];
    for (const frames of [
      [first, last],
      [first, second, second, last],
      [second, first, last],
    ])
      await expect(decodeAll(Buffer.concat(frames))).rejects.toMatchObject({ code: 'BrokenStream' });
  });
});

describe('the path of a backend request', () => {
  it.each([
    ['a name with slashes, dots and every kind of character', ['AUTH_a', 'c ?', '../a//b/./ü%2F#\u{1f600}/']],
    ['a container', ['AUTH_a', 'c/d']],
    ['an account', ['AUTH_a']],
  ])('keeps %s', (_, names) => {
    expect(parseBackendPath(formatBackendPath('d 1', 17, ...names))).toEqual({ device: 'd 1', partition: 17, names });
  });

  it.each(['/d1', '/d1/x/a', '/d1/1/a//o', '/d1/1/%zz', '/d1/1/a%00', '/d1/-1/a'])('is refused as %s', (path) => {
    expect(() => parseBackendPath(path)).toThrow('The path is not');
  });
});
