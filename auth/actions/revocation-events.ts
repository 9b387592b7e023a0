import type { AuthContext } from '../context.ts';
import type { Identity } from '../guard/contract.ts';
import { LIST_PAGE_ENTRIES } from '../limits.ts';
import { isoMicroseconds } from '../times.ts';

/** What ended before its time, in Keystone's terms: every attribute that is there must match a token for the event to be about it. */
export interface RevocationEvent {
  audit_id?: string;
  audit_chain_id?: string;
  user_id?: string;
  project_id?: string;
  domain_id?: string;
  issued_before: string;
}

/**
 * What has been revoked and could still concern a token: tokens and chains; users, projects and domains whose tokens of before a
 * time are refused. That roles were taken away is no event: tokens are checked against the roles of the moment.
 *
 * @throws ApiError 403.
 * Spec: Identity API v3, "OS-REVOKE".
 */
export async function listRevocationEvents(
  { tables, policy, clock, config }: AuthContext,
  identity: Identity,
): Promise<RevocationEvent[]> {
  policy.authorize('identity:list_revoke_events', identity);
  const nowMs = clock.nowMs();
  const lifetimeMs = (config.token_ttl_s + config.allow_expired_window_s) * 1000;
  const events: RevocationEvent[] = [];
  for await (const { record } of tables.revocations.scan('', { pageEntries: LIST_PAGE_ENTRIES })) {
    const [kind, id = ''] = record.id.split(':');
    const subject = kind === 'chain' ? { audit_chain_id: id } : { audit_id: id };
    events.push({ ...subject, issued_before: isoMicroseconds(Math.min(nowMs, record.dropAfterMs)) });
  }
  for await (const { record } of tables.users.scan('', { pageEntries: LIST_PAGE_ENTRIES }))
    if (record.tokensNotBeforeMs > nowMs - lifetimeMs)
      events.push({ user_id: record.id, issued_before: isoMicroseconds(record.tokensNotBeforeMs) });
  for await (const { record } of tables.projects.scan('', { pageEntries: LIST_PAGE_ENTRIES })) {
    if (record.tokensNotBeforeMs <= nowMs - lifetimeMs) continue;
    const subject = record.isDomain ? { domain_id: record.id } : { project_id: record.id };
    events.push({ ...subject, issued_before: isoMicroseconds(record.tokensNotBeforeMs) });
  }
  return events;
}
