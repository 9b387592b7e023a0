import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Level } from 'level';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ListingQuery, rowsOfChunk } from '../../../container-server/contract.ts';
import { PageMemory } from '../../../container-server/store/page-memory.ts';
import { readPage } from '../../../container-server/store/read-page.ts';

/** A listing as one would do it without an index: look at every name. */
function modelPage(names: readonly string[], query: ListingQuery): string[] {
  const compare = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right));
  const folder = query.path === undefined ? undefined : query.path.replace(/\/+$/, '').replace(/(.)$/s, '$1/');
  const prefix = folder ?? query.prefix;
  const delimiter = folder === undefined ? query.delimiter : '/';
  const [low, high] = query.reverse ? [query.endMarker, query.marker] : [query.marker, query.endMarker];
  const rows: string[] = [];
  const wanted = names
    .filter((name) => name.startsWith(prefix))
    .filter((name) => (low === '' || compare(name, low) > 0) && (high === '' || compare(name, high) < 0))
    .sort(compare);
  for (const name of query.reverse ? wanted.reverse() : wanted) {
    const end = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const dir = name.slice(0, end + delimiter.length);
    if (folder !== undefined) {
      if (name !== folder && (end < 0 || dir === name)) rows.push(name);
    } else if (end < 0) rows.push(name);
    else if (dir !== low && rows.at(-1) !== `${dir} (subdir)`) rows.push(`${dir} (subdir)`);
  }
  return rows.slice(0, query.limit);
}

const text = fc.string({
  unit: fc.constantFrom('a', 'b', '/', '//', 'é', '\ud7ff', '\uffff', '\u{1f600}', '\u{10ffff}'),
  maxLength: 5,
});
const query: fc.Arbitrary<ListingQuery> = fc.record({
  limit: fc.oneof(fc.nat(6), fc.constant(10_000)),
  prefix: fc.oneof(fc.constant(''), text),
  delimiter: fc.constantFrom('', '/', '//', 'é', 'ab', '\u{1f600}'),
  marker: fc.oneof(fc.constant(''), text),
  endMarker: fc.oneof(fc.constant(''), text),
  reverse: fc.boolean(),
  path: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: text }),
});

describe('a page of a listing', () => {
  let folder: string;
  let db: Level<string, string>;
  let containers = 0;
  const memory = new PageMemory();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-pages-'));
    db = new Level(folder);
    await db.open();
  });
  afterAll(async () => {
    await db.close();
    await rm(folder, { recursive: true });
  });

  it('is what a look at every name would give', async () => {
    const names = fc.uniqueArray(
      text.filter((name) => name !== ''),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(names, fc.array(query, { minLength: 5, maxLength: 5 }), async (all, queries) => {
        containers += 1;
        const prefix = `o\0a\0${String(containers).padStart(6, '0')}\0`;
        await db.batch([
          ...all.map((name) => ({ type: 'put' as const, key: prefix + name, value: JSON.stringify({ name }) })),
          { type: 'put', key: `o\0a\0${String(containers).padStart(6, '0')}x\0zz`, value: '{"name":"a stranger"}' },
        ]);
        for (const asked of queries) {
          const { chunks, release } = await readPage(db, prefix, asked, (stored) => stored, memory);
          const seen = chunks.flatMap(rowsOfChunk).map((row) => {
            const { name, subdir } = JSON.parse(row) as { name?: string; subdir?: string };
            return name ?? `${subdir} (subdir)`;
          });
          release?.();
          expect(seen, JSON.stringify({ all, asked })).toEqual(modelPage(all, asked));
        }
      }),
      { numRuns: 300 },
    );
  });
});
