import type { Cluster } from '../backend/cluster.ts';
import { EXPIRER_GRACE_SECONDS } from '../limits.ts';

/**
 * Which node works on a container: the one that has its first replica, at once; those of the others, on what that one has left lying
 * for long.
 *
 * @returns how long after its moment something is this node's work, seconds; undefined: it never is.
 */
export function dutyDelaySeconds({ rings, isLocal }: Cluster, account: string, container: string): number | undefined {
  const [first, ...others] = rings.container.primaries(rings.container.partitionOf(account, container));
  if (first && isLocal(first)) return 0;
  return others.some((device) => isLocal(device)) ? EXPIRER_GRACE_SECONDS : undefined;
}
