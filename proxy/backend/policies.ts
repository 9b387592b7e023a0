import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import type { ProxyConfig } from '../config.ts';
import type { PieceCounts } from '../erasure/codec.ts';

type ConfiguredPolicy = ProxyConfig['policies'][number];

interface StoragePolicy {
  readonly index: number;
  readonly name: string;
  readonly aliases: readonly string[];
  /** Whether it takes no new containers. */
  readonly deprecated: boolean;
  /** How bodies are cut and coded; undefined: they are stored whole on each replica. */
  readonly coding: CodingScheme | undefined;
}

interface CodingScheme extends PieceCounts {
  readonly segmentBytes: number;
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

/**
 * @throws StartError naming what is wrong: an index or a name twice, no policy 0, no usable default, a kind of policy that is not built.
 * Spec: Swift, "Storage Policies": configuring policies.
 */
export function createPolicies(configured: readonly ConfiguredPolicy[]): Policies {
  const all = configured.map((policy): StoragePolicy => ({ ...policy, coding: codingOf(policy) }));
  const byIndex = new Map<number, StoragePolicy>();
  const byName = new Map<string, StoragePolicy>();
  for (const policy of all) {
    const { index, name, aliases } = policy;
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
    all,
    default: defaultOf(configured, all),
    byIndex: (index) => byIndex.get(index),
    byName: (name) => byName.get(name.toLowerCase()),
  };
}

function defaultOf(configured: readonly ConfiguredPolicy[], all: readonly StoragePolicy[]): StoragePolicy {
  const [chosen, second] = configured.filter((policy) => policy.default);
  if (second) throw wrong(`'${chosen?.name}' and '${second.name}' both say that they are the default`);
  const policy = chosen ? all[configured.indexOf(chosen)] : all[0];
  if (!policy) throw wrong('there is none');
  if (policy.deprecated) throw wrong(`'${policy.name}' is deprecated and cannot be the default`);
  return policy;
}

/** @throws StartError where the numbers of a policy are not those of its type. */
function codingOf(
  policy: Pick<ConfiguredPolicy, 'name' | 'type' | 'data_fragments' | 'parity_fragments' | 'segment_bytes'>,
): CodingScheme | undefined {
  const { name, type, data_fragments: dataPieces, parity_fragments: parityPieces } = policy;
  if (type === 'replication') {
    if (dataPieces !== undefined || parityPieces !== undefined)
      throw wrong(`'${name}' has fragments, but is no erasure coding policy`);
    return undefined;
  }
  if (dataPieces === undefined || parityPieces === undefined)
    throw wrong(`'${name}' needs data_fragments and parity_fragments`);
  return { dataPieces, parityPieces, segmentBytes: policy.segment_bytes };
}

function wrong(what: string): StartError {
  return new StartError(`configuration: proxy.policies: ${what}`, EX_CONFIG);
}
