import { expect, it } from 'vitest';
import { MOST_FREE_PAGE_BLOCKS, PAGE_BLOCK_BYTES } from '../../../container-server/limits.ts';
import { PageMemory } from '../../../container-server/store/page-memory.ts';

it('pages share memory only after it was released, and releasing twice gives it once', () => {
  const memory = new PageMemory();
  const first = memory.lease();
  const é = first.write('é'.repeat(10));
  const second = memory.lease();
  const other = second.write('other');
  expect(other.buffer).not.toBe(é.buffer);
  first.write('more');
  expect(é.toString()).toBe('é'.repeat(10));
  first.release();
  first.release();
  const [third, fourth] = [memory.lease().write('third'), memory.lease().write('fourth')];
  expect(third.buffer).toBe(é.buffer);
  expect(fourth.buffer).not.toBe(é.buffer);
  expect([other.toString(), third.toString(), fourth.toString()]).toEqual(['other', 'third', 'fourth']);
});

it('a page takes as many blocks as it needs, and of those that are released only some are kept', () => {
  const memory = new PageMemory();
  const page = memory.lease();
  const half = 'x'.repeat(PAGE_BLOCK_BYTES / 2);
  const parts = Array.from({ length: 4 * MOST_FREE_PAGE_BLOCKS }, () => page.write(half));
  expect(new Set(parts.map(({ buffer }) => buffer)).size).toBe(2 * MOST_FREE_PAGE_BLOCKS);
  expect(page.write('y'.repeat(PAGE_BLOCK_BYTES + 1)).toString()).toBe('y'.repeat(PAGE_BLOCK_BYTES + 1));
  expect(parts.every((part) => part.toString() === half)).toBe(true);
  page.release();
  const again = memory.lease();
  const kept = Array.from({ length: 4 * MOST_FREE_PAGE_BLOCKS }, () => again.write(half));
  const former = new Set(parts.map(({ buffer }) => buffer));
  expect(new Set(kept.map(({ buffer }) => buffer).filter((buffer) => former.has(buffer))).size).toBe(
    MOST_FREE_PAGE_BLOCKS,
  );
});
