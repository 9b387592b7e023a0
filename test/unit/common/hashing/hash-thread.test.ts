import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { HashThread, hashThread } from '../../../../common/hashing/hash-thread.ts';

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

function shared(text: string): Uint8Array {
  const piece = new Uint8Array(new SharedArrayBuffer(text.length));
  piece.set(Buffer.from(text));
  return piece;
}

describe('the hash thread', () => {
  let thread = new HashThread();

  afterEach(async () => {
    await thread.stop();
    thread = new HashThread();
  });

  it('hashes several bodies at once, each in its order', async () => {
    const [left, right, empty] = [thread.begin(), thread.begin(), thread.begin()];
    const piece = shared('one ');
    await Promise.all([left.update(piece), right.update(shared('other '))]);
    piece.set(Buffer.from('two '));
    await Promise.all([left.update(piece), right.update(shared('things'))]);
    expect(await left.digest()).toBe(md5('one two '));
    expect(await right.digest()).toBe(md5('other things'));
    expect(await empty.digest()).toBe(md5(''));
  });

  it('a hash that is dropped is forgotten, also twice', async () => {
    const hash = thread.begin();
    await hash.update(shared('x'));
    hash.drop();
    hash.drop();
    const other = thread.begin();
    await other.update(shared('y'));
    expect(await other.digest()).toBe(md5('y'));
    other.drop();
  });

  it('where the thread ends, what was begun fails, and what is begun then works', async () => {
    const hash = thread.begin();
    await hash.update(shared('lost'));
    const asked = hash.digest();
    await thread.stop();
    await expect(asked).rejects.toThrow('ended');
    await expect(hash.update(shared('more'))).rejects.toThrow('has ended');
    const other = thread.begin();
    await other.update(shared('again'));
    await expect(hash.digest()).rejects.toThrow('has ended');
    expect(await other.digest()).toBe(md5('again'));
  });

  it('what it cannot hash ends it, and says why', async () => {
    const hash = thread.begin();
    const notBytes = 5 as unknown as Uint8Array;
    await expect(hash.update(notBytes)).rejects.toMatchObject({
      cause: expect.objectContaining({ name: 'TypeError' }),
    });
  });

  it('is one for each thread, and stopping one that never ran is harmless', async () => {
    expect(hashThread()).toBe(hashThread());
    await new HashThread().stop();
  });
});
