import type { AuthContext } from '../context.ts';
import type { Identity } from '../guard/contract.ts';
import type { ProjectRecord } from '../store/records.ts';
import { projectTarget } from './access.ts';
import { ancestorsOf } from './projects.ts';

export interface FamilyQuery {
  parentsAsList: boolean;
  parentsAsIds: boolean;
  subtreeAsList: boolean;
  subtreeAsIds: boolean;
}

/** Ids as a tree: each id holds those next to it, or null at the end. */
interface IdTree {
  [id: string]: IdTree | null;
}

interface Family {
  parents?: ProjectRecord[] | IdTree | null;
  subtree?: ProjectRecord[] | IdTree | null;
}

/**
 * What is above and below a project. Lists hold only what the caller may see; ids are given to whoever sees the project.
 *
 * Spec: Identity API v3, "Show project details": `parents_as_list` and its like.
 */
export async function projectFamily(
  context: AuthContext,
  identity: Identity,
  project: ProjectRecord,
  query: FamilyQuery,
): Promise<Family> {
  const mayBeSeen = (each: ProjectRecord) =>
    context.policy.allows('identity:get_project', identity, projectTarget(each));
  const family: Family = {};
  if (query.parentsAsList || query.parentsAsIds) {
    const above = (await ancestorsOf(context, project)).slice(1);
    family.parents = query.parentsAsList ? above.filter(mayBeSeen) : chainOf(project, above);
  }
  if (query.subtreeAsList || query.subtreeAsIds) {
    const all = await context.tables.projects.list(({ domainId }) => domainId === project.domainId);
    family.subtree = query.subtreeAsList ? below(project.id, all).filter(mayBeSeen) : treeBelow(project.id, all);
  }
  return family;
}

/** All projects below one, children before grandchildren. */
function below(id: string, all: readonly ProjectRecord[]): ProjectRecord[] {
  const children = new Map<string, ProjectRecord[]>();
  for (const each of all) {
    if (each.parentId === null) continue;
    const siblings = children.get(each.parentId);
    if (siblings) siblings.push(each);
    else children.set(each.parentId, [each]);
  }
  const found: ProjectRecord[] = [...(children.get(id) ?? [])];
  // An array is iterated to its end, what is added on the way included. Parents never change: there is no circle.
  for (const each of found) found.push(...(children.get(each.id) ?? []));
  return found;
}

/** Projects below a project, or in a domain. */
export async function idsBelow({ tables }: AuthContext, id: string): Promise<string[]> {
  const top = await tables.projects.get(id);
  if (!top) return [];
  const domainId = top.record.isDomain ? id : top.record.domainId;
  return below(id, await tables.projects.list((each) => each.domainId === domainId)).map((each) => each.id);
}

/** With the domain at its end. */
function chainOf({ domainId }: ProjectRecord, above: readonly ProjectRecord[]): IdTree | null {
  const top = domainId === null ? null : { [domainId]: null };
  return above.toReversed().reduce<IdTree | null>((inner, { id }) => ({ [id]: inner }), top);
}

function treeBelow(id: string, all: readonly ProjectRecord[]): IdTree | null {
  const children = all.filter(({ parentId }) => parentId === id);
  return children.length === 0
    ? null
    : Object.fromEntries(children.map((child) => [child.id, treeBelow(child.id, all)]));
}
