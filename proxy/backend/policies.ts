import { StartError } from '../../common/errors.ts';
import type { ProxyConfig } from '../config.ts';

interface StoragePolicy {
  readonly index: number;
  readonly name: string;
}

/** The storage policies, by index and by name. */
export interface Policies {
  readonly all: readonly StoragePolicy[];
  readonly default: StoragePolicy;
  byIndex(index: number): StoragePolicy | undefined;
  /** Names are compared without regard to case. */
  byName(name: string): StoragePolicy | undefined;
}

/** @throws StartError when two policies share an index or a name, or two say that they are the default. */
export function createPolicies(configured: ProxyConfig['policies']): Policies {
  const byIndex = new Map(configured.map((policy) => [policy.index, policy]));
  const byName = new Map(configured.map((policy) => [policy.name.toLowerCase(), policy]));
  const defaults = configured.filter((policy) => policy.default);
  const [fallback = configured[0]] = defaults;
  if (byIndex.size !== configured.length || byName.size !== configured.length || defaults.length > 1 || !fallback)
    throw new StartError(
      'configuration: proxy.policies: indexes and names must be unique, and one policy the default',
      78,
    );
  return {
    all: configured,
    default: fallback,
    byIndex: (index) => byIndex.get(index),
    byName: (name) => byName.get(name.toLowerCase()),
  };
}
