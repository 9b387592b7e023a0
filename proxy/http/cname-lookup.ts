import { Resolver } from 'node:dns/promises';
import type { Clock } from '../../common/clock.ts';
import { systemErrorCode } from '../../common/errors.ts';
import { RecentMap } from '../../common/recent-map.ts';
import { CNAME_TIMEOUT_MS, CNAME_TTL_MS, MOST_CNAME_LOOKUPS, MOST_KNOWN_CNAMES } from '../limits.ts';
import type { FindAlias } from './host-names.ts';

/** As much of a resolver as is needed. */
export interface CnameResolver {
  resolveCname(name: string): Promise<string[]>;
}

/** @param nameservers addresses, with a port or without; none: the system's. */
export function cnameResolver(nameservers: readonly string[]): CnameResolver {
  const resolver = new Resolver({ timeout: CNAME_TIMEOUT_MS, tries: 2 });
  if (nameservers.length > 0) resolver.setServers(nameservers);
  return resolver;
}

/**
 * Asks the domain name system what a name is an alias of, and remembers the answer for a while. What cannot be asked now is no alias now.
 *
 * Spec: RFC 1034, 3.6.2.
 */
export function cnameLookup(resolver: CnameResolver, clock: Clock): FindAlias {
  const known = new RecentMap<{ alias: string | undefined; untilMs: number }>(MOST_KNOWN_CNAMES);
  let running = 0;
  return async (name) => {
    const remembered = known.get(name);
    if (remembered && clock.nowMs() < remembered.untilMs) return remembered.alias;
    // Names come from whoever sends a request: they make us ask no more than this at a time.
    if (running >= MOST_CNAME_LOOKUPS) return undefined;
    running += 1;
    try {
      const alias = (await resolver.resolveCname(name))[0]?.replace(/\.$/, '');
      known.set(name, { alias, untilMs: clock.nowMs() + CNAME_TTL_MS });
      return alias;
    } catch (error) {
      if (NO_ALIAS.has(systemErrorCode(error) ?? ''))
        known.set(name, { alias: undefined, untilMs: clock.nowMs() + CNAME_TTL_MS });
      return undefined;
    } finally {
      running -= 1;
    }
  };
}

/** The name is not there, or is no alias: said by who knows. */
const NO_ALIAS: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);
