import type { AuthContext } from '../context.ts';
import { refused } from '../errors.ts';
import type { Delegation, Identity } from '../guard/contract.ts';
import { MOST_DELEGATIONS_DEEP } from '../limits.ts';
import type {
  AccessRuleRecord,
  ApplicationCredentialRecord,
  CredentialRecord,
  RoleRecord,
  TrustRecord,
} from '../store/records.ts';
import type { DelegationReference } from '../tokens/payload.ts';
import { effectiveRoles, expandRoles } from './effective-roles.ts';

type DelegationRecord =
  | { kind: 'application_credential'; record: ApplicationCredentialRecord; accessRules: AccessRuleRecord[] | undefined }
  | { kind: 'trust'; record: TrustRecord }
  | { kind: 'ec2'; record: CredentialRecord };

/** What was delegated, as it stands now: alive, and every delegation it was made with too. */
export type LiveDelegation = DelegationRecord & {
  /** The user that a token of it names. */
  userId: string;
  /** The user whose roles it carries. */
  holderId: string;
  /** All users who must be enabled for it to hold. */
  userIds: readonly string[];
  projectId: string;
  /** The earliest end of it and of what it was made with; Infinity where there is none. */
  expiresAtMs: number;
  /** What it was made with: the parent trust, or the delegation of the token that made it. */
  sources: readonly LiveDelegation[];
};

/**
 * Reads a delegation.
 *
 * @returns undefined where it, or any delegation that it was made with, is gone or has ended.
 */
export async function resolveDelegation(
  context: AuthContext,
  reference: DelegationReference,
  depth = 0,
): Promise<LiveDelegation | undefined> {
  if (depth > MOST_DELEGATIONS_DEEP) return undefined;
  const found = await readDelegation(context, reference);
  if (!found) return undefined;
  const { record } = found;
  const ends = 'expiresAtMs' in record ? (record.expiresAtMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  if (ends <= context.clock.nowMs() || record.projectId === null) return undefined;
  const sources: LiveDelegation[] = [];
  for (const source of sourcesOf(found)) {
    const live = await resolveDelegation(context, source, depth + 1);
    if (live?.projectId !== record.projectId) return undefined;
    sources.push(live);
  }
  const users = usersOf(found);
  return {
    ...found,
    ...users,
    userIds: [...new Set([users.userId, users.holderId, ...users.userIds, ...sources.flatMap((each) => each.userIds)])],
    projectId: record.projectId,
    expiresAtMs: Math.min(ends, ...sources.map((each) => each.expiresAtMs)),
    sources,
  };
}

async function readDelegation(
  { tables }: AuthContext,
  { kind, id }: DelegationReference,
): Promise<DelegationRecord | undefined> {
  if (kind === 'trust') {
    const trust = await tables.trusts.get(id);
    return trust && { kind, record: trust.record };
  }
  if (kind === 'ec2') {
    const credential = await tables.credentials.get(id);
    return credential?.record.type === 'ec2' ? { kind, record: credential.record } : undefined;
  }
  const credential = (await tables.applicationCredentials.get(id))?.record;
  if (!credential) return undefined;
  if (credential.accessRuleIds === null) return { kind, record: credential, accessRules: undefined };
  const rules = await Promise.all(credential.accessRuleIds.map((ruleId) => tables.accessRules.get(ruleId)));
  return { kind, record: credential, accessRules: rules.flatMap((rule) => (rule ? [rule.record] : [])) };
}

function sourcesOf(found: DelegationRecord): DelegationReference[] {
  const { source } = found.record;
  const parentId = found.kind === 'trust' ? found.record.redelegatedTrustId : null;
  return [...(source ? [source] : []), ...(parentId === null ? [] : [{ kind: 'trust' as const, id: parentId }])];
}

function usersOf(found: DelegationRecord) {
  if (found.kind !== 'trust') return { userId: found.record.userId, holderId: found.record.userId, userIds: [] };
  const { impersonation, trustorId, trusteeId } = found.record;
  return { userId: impersonation ? trustorId : trusteeId, holderId: trustorId, userIds: [trusteeId] };
}

/**
 * Roles that a delegation carries now, with what they imply: those it was given, as far as their holder still has them and every
 * delegation it was made with carries them. A trust that has lost one of its roles carries none.
 */
export async function delegatedRoles(context: AuthContext, live: LiveDelegation): Promise<RoleRecord[]> {
  const held = await effectiveRoles(context, live.holderId, 'project', live.projectId);
  const heldIds = new Set(held.map(({ id }) => id));
  let roles = held;
  if (live.kind !== 'ec2') {
    if (live.kind === 'trust' && !live.record.roleIds.every((id) => heldIds.has(id))) return [];
    const given = live.record.roleIds.filter((id) => heldIds.has(id));
    roles = (await expandRoles(context, given)).filter(({ id }) => heldIds.has(id));
  }
  for (const source of live.sources) {
    const carried = new Set((await delegatedRoles(context, source)).map(({ id }) => id));
    roles = roles.filter(({ id }) => carried.has(id));
  }
  return roles;
}

/** What services are told of a delegation. */
export function describeDelegation(live: LiveDelegation): Delegation {
  const { kind, record } = live;
  const isCredential = kind === 'application_credential';
  return {
    kind,
    id: record.id,
    unrestricted: isCredential && live.record.unrestricted,
    ...(isCredential && live.accessRules
      ? { accessRules: live.accessRules.map(({ service, method, path }) => ({ service, method, path })) }
      : {}),
  };
}

/**
 * What a credential, trust or application credential remembers of the token that makes it.
 *
 * @throws ApiError 403 where delegations would pile up without end.
 */
export async function sourceOf(context: AuthContext, { delegation }: Identity): Promise<DelegationReference | null> {
  if (!delegation) return null;
  const { kind, id } = delegation;
  const live = await resolveDelegation(context, { kind, id });
  if (!live || depthOf(live) >= MOST_DELEGATIONS_DEEP) throw refused('This token cannot delegate any further.');
  return { kind, id };
}

function depthOf(live: LiveDelegation): number {
  return 1 + Math.max(0, ...live.sources.map(depthOf));
}
