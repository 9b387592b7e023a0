import { describe, expect, it } from 'vitest';
import { RecentMap } from '../../../common/recent-map.ts';

describe('the map of what was used lately', () => {
  it('keeps half its capacity at least, and never more than all of it', () => {
    const map = new RecentMap<number>(10);
    for (let index = 0; index < 1000; index += 1) map.set(`k${index}`, index);
    const kept = Array.from({ length: 1000 }, (_, index) => index).filter(
      (index) => map.get(`k${index}`) !== undefined,
    );
    expect(kept.length).toBeGreaterThanOrEqual(5);
    expect(kept.length).toBeLessThanOrEqual(10);
    expect(kept.at(-1)).toBe(999);
  });

  it('keeps what is looked up again and again', () => {
    const map = new RecentMap<string>(4);
    map.set('dear', 'kept');
    for (let index = 0; index < 100; index += 1) {
      map.set(`k${index}`, '');
      expect(map.get('dear')).toBe('kept');
    }
  });

  it('replaces and deletes', () => {
    const map = new RecentMap<number>(4);
    map.set('a', 1);
    map.set('a', 2);
    expect(map.get('a')).toBe(2);
    map.delete('a');
    expect(map.get('a')).toBeUndefined();
  });
});
