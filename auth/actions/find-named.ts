import type { Stored, Table } from '../../common/kv/table.ts';
import type { AuthContext } from '../context.ts';
import { LIST_PAGE_ENTRIES } from '../limits.ts';
import { ownedBy } from '../store/owned.ts';
import type { ProjectRecord } from '../store/records.ts';
import { nameKey } from '../store/tables.ts';

/** Where a name is looked up in every domain by its index; in more domains than this the records are read instead. */
const MOST_DOMAINS_LOOKED_UP = 200;

/** All domains: their names are unique in a space of their own, which makes them one short scan. */
export async function allDomains({ tables, store }: AuthContext): Promise<Stored<ProjectRecord>[]> {
  return ownedBy(store, tables.projects, 'name', '');
}

export interface NameQuery {
  name: string | undefined;
  domainId: string | undefined;
}

/**
 * Records that a list may have to show, in the order of their ids: those of one name through its index, else all, read in pages
 * small enough to hold nobody up.
 */
export async function* candidatesByName<T extends { id: string; domainId: string | null }>(
  context: AuthContext,
  table: Table<T>,
  { name, domainId }: NameQuery,
  afterId: string | undefined,
): AsyncGenerator<T[], void, void> {
  const domains = name === undefined ? undefined : await domainsToSearch(context, domainId);
  if (name === undefined || !domains) {
    for await (const page of table.scanPages('', { afterId, pageEntries: LIST_PAGE_ENTRIES }))
      yield page.map(({ record }) => record);
    return;
  }
  const found: T[] = [];
  for (const each of domains) {
    const stored = await table.findBy('name', nameKey(each, name));
    if (stored) found.push(stored.record);
  }
  found.sort((left, right) => (left.id < right.id ? -1 : 1));
  yield found.filter(({ id }) => afterId === undefined || id > afterId);
}

async function domainsToSearch(
  context: AuthContext,
  domainId: string | undefined,
): Promise<(string | null)[] | undefined> {
  if (domainId !== undefined) return [domainId];
  const domains = await allDomains(context);
  return domains.length > MOST_DOMAINS_LOOKED_UP ? undefined : [null, ...domains.map(({ record }) => record.id)];
}
