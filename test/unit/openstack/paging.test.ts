import { describe, expect, it } from 'vitest';
import { cutPage, parsePageQuery } from '../../../openstack/paging.ts';

const rules = {
  defaultLimit: 2,
  mostLimit: 3,
  sortable: ['name', 'size'],
  defaultSort: [{ field: 'name', direction: 'asc' as const }],
};
const records = [
  { id: 'c', name: 'wren', size: 1 },
  { id: 'a', name: 'swift', size: 3 },
  { id: 'b', name: 'martlet', size: 3 },
  { id: 'd', name: null, size: 2 },
];
const page = (query: Record<string, string | string[]>) =>
  cutPage(records, parsePageQuery(query, rules), (record, field) => (field === 'name' ? record.name : record.size));

describe('paging', () => {
  it('sorts by the default and cuts the default limit', () => {
    expect(page({})).toEqual({ page: [records[3], records[2]], more: true });
  });

  it('goes on after the marker until nothing is left', () => {
    expect(page({ marker: 'b' })).toEqual({ page: [records[1], records[0]], more: false });
    expect(page({ marker: 'c' })).toEqual({ page: [], more: false });
    expect(page({ marker: 'nobody' })).toBeUndefined();
  });

  it('takes sort in both spellings, with several keys', () => {
    const ids = (query: Record<string, string | string[]>) => page({ ...query, limit: '10' })?.page.map(({ id }) => id);
    expect(ids({ sort: 'size:desc,name:asc' })).toEqual(['b', 'a', 'd']);
    expect(ids({ sort_key: ['size', 'name'], sort_dir: ['asc', 'desc'] })).toEqual(['c', 'd', 'a']);
  });

  it('cuts a limit that is too large and refuses one that is none', () => {
    expect(page({ limit: '1000' })?.page).toHaveLength(3);
    expect(page({ limit: '0' })?.page).toEqual([]);
    for (const limit of ['-1', 'x', '1.5']) expect(() => page({ limit })).toThrow(/limit/);
  });

  it('refuses a sort key or direction that there is not', () => {
    expect(() => page({ sort: 'colour' })).toThrow(/colour/);
    expect(() => page({ sort: 'name:up' })).toThrow(/up/);
  });
});
