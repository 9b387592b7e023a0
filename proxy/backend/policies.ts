import { StartError } from '../../common/errors.ts';
import type { ProxyConfig } from '../config.ts';

type ConfiguredPolicy = ProxyConfig['policies'][number];

interface StoragePolicy {
  readonly index: number;
  readonly name: string;
  readonly aliases: readonly string[];
  /** Whether it takes no new containers. */
  readonly deprecated: boolean;
}

/** The storage policies, by index and by name. */
export interface Policies {
  readonly all: readonly StoragePolicy[];
  readonly default: StoragePolicy;
  byIndex(index: number): StoragePolicy | undefined;
  /** By name or alias, compared without regard to case. */
  byName(name: string): StoragePolicy | undefined;
}

/** The name that policy 0 has where nobody names it. */
const LEGACY_NAME = 'policy-0';
const EX_CONFIG = 78;

/**
 * @throws StartError naming what is wrong: an index or a name twice, no policy 0, no usable default, a kind of policy that is not built.
 * Spec: Swift, "Storage Policies": configuring policies.
 */
export function createPolicies(configured: readonly ConfiguredPolicy[]): Policies {
  const byIndex = new Map<number, ConfiguredPolicy>();
  const byName = new Map<string, ConfiguredPolicy>();
  for (const policy of configured) {
    const { index, name, aliases, type } = policy;
    if (type === 'erasure_coding')
      throw wrong(`'${name}' is an erasure coding policy: this Martlet has replication policies only`);
    if (byIndex.has(index)) throw wrong(`two policies have the index ${index}`);
    byIndex.set(index, policy);
    for (const each of [name, ...aliases]) {
      const key = each.toLowerCase();
      if (byName.has(key)) throw wrong(`two policies are called '${each}'`);
      if (key === LEGACY_NAME && index !== 0) throw wrong(`the name '${each}' is that of the policy with index 0`);
      byName.set(key, policy);
    }
  }
  if (!byIndex.has(0)) throw wrong('there is no policy with index 0');
  return {
    all: configured,
    default: defaultOf(configured),
    byIndex: (index) => byIndex.get(index),
    byName: (name) => byName.get(name.toLowerCase()),
  };
}

function defaultOf(configured: readonly ConfiguredPolicy[]): ConfiguredPolicy {
  const [chosen, second] = configured.filter((policy) => policy.default);
  if (second) throw wrong(`'${chosen?.name}' and '${second.name}' both say that they are the default`);
  const policy = chosen ?? configured[0];
  if (!policy) throw wrong('there is none');
  if (policy.deprecated) throw wrong(`'${policy.name}' is deprecated and cannot be the default`);
  return policy;
}

function wrong(what: string): StartError {
  return new StartError(`configuration: proxy.policies: ${what}`, EX_CONFIG);
}
