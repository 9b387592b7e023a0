import type { AuthContext } from '../context.ts';
import { type ProjectRecord, SYSTEM_ID, type TargetKind } from '../store/records.ts';
import { nameKey } from '../store/tables.ts';
import type { PayloadScope } from '../tokens/payload.ts';
import type { ScopeState } from './token-state.ts';

/** What a login asks for. A domain or project is named by id, or by name where names are unique. */
export type RequestedScope =
  | { kind: 'unscoped' }
  | { kind: 'system' }
  | { kind: 'project'; project: { id: string } | { name: string; domain: DomainReference } }
  | { kind: 'domain'; domain: DomainReference }
  | { kind: 'trust'; id: string };

type PlainScope = Exclude<RequestedScope, { kind: 'trust' }>;

export type DomainReference = { id: string } | { name: string };

/** The scope's records, or undefined where one is missing. Whether they are enabled is `usableSince`'s to say. */
export async function resolveScope(context: AuthContext, requested: PlainScope): Promise<ScopeState | undefined> {
  if (requested.kind === 'unscoped' || requested.kind === 'system') return requested;
  if (requested.kind === 'domain') {
    const domain = await findDomain(context, requested.domain);
    return domain && { kind: 'domain', domain };
  }
  const project = await findProject(context, requested.project);
  if (!project) return undefined;
  const domain = project.isDomain ? project : await findDomain(context, { id: project.domainId ?? '' });
  return domain && { kind: 'project', project, domain };
}

/** A token's scope, as a request for the same. */
export function requestOfPayloadScope(scope: PayloadScope): PlainScope {
  switch (scope.kind) {
    case 'project':
      return { kind: 'project', project: { id: scope.id } };
    case 'domain':
      return { kind: 'domain', domain: { id: scope.id } };
    default:
      return scope;
  }
}

export function payloadScopeOf(scope: ScopeState): PayloadScope {
  switch (scope.kind) {
    case 'project':
      return { kind: 'project', id: scope.project.id };
    case 'domain':
      return { kind: 'domain', id: scope.domain.id };
    default:
      return { kind: scope.kind };
  }
}

/** Where the roles of a scope are assigned; undefined for the scope that has none. */
export function targetOfScope(scope: ScopeState): { kind: TargetKind; id: string } | undefined {
  switch (scope.kind) {
    case 'project':
      return { kind: 'project', id: scope.project.id };
    case 'domain':
      return { kind: 'domain', id: scope.domain.id };
    case 'system':
      return { kind: 'system', id: SYSTEM_ID };
    case 'unscoped':
      return undefined;
  }
}

/** The records that must be enabled for the scope to be used. */
export function containersOf(scope: ScopeState): readonly ProjectRecord[] {
  if (scope.kind === 'project') return [scope.project, scope.domain];
  return scope.kind === 'domain' ? [scope.domain] : [];
}

export async function findDomain(
  { tables }: AuthContext,
  reference: DomainReference,
): Promise<ProjectRecord | undefined> {
  const found =
    'id' in reference
      ? await tables.projects.get(reference.id)
      : await tables.projects.findBy('name', nameKey(null, reference.name));
  return found?.record.isDomain ? found.record : undefined;
}

async function findProject(
  context: AuthContext,
  reference: { id: string } | { name: string; domain: DomainReference },
): Promise<ProjectRecord | undefined> {
  if ('id' in reference) return (await context.tables.projects.get(reference.id))?.record;
  const domain = await findDomain(context, reference.domain);
  return domain && (await context.tables.projects.findBy('name', nameKey(domain.id, reference.name)))?.record;
}
