import { join } from 'node:path';
import { StartError, systemErrorCode } from '../common/errors.ts';
import { EX_CONFIG } from '../common/exit-codes.ts';
import type { ProxyConfig } from '../proxy/config.ts';
import type { RingData } from '../ring/contract.ts';
import { loadRing } from '../ring/ring-file.ts';
import type { NodeFile } from './node-file.ts';

/** The rings of a cluster; of the object rings, one per storage policy. */
export interface NodeRings {
  account: RingData;
  container: RingData;
  objects: readonly { policyIndex: number; ring: RingData }[];
}

/** What rings need to know of a storage policy. */
export type RingPolicy = Pick<ProxyConfig['policies'][number], 'index' | 'name' | 'type' | 'replicas'> &
  Partial<Pick<ProxyConfig['policies'][number], 'data_fragments' | 'parity_fragments'>>;

/** Of the ring that a policy needs: one for each fragment, where it has fragments. */
export function replicasOf({ type, replicas, data_fragments = 0, parity_fragments = 0 }: RingPolicy): number {
  return type === 'erasure_coding' ? data_fragments + parity_fragments : replicas;
}

/** Name of the files of a policy's object ring. Spec: Swift, "Storage Policies": policies and rings. */
export function objectRingName(policyIndex: number): string {
  return policyIndex === 0 ? 'object' : `object-${policyIndex}`;
}

/** @throws StartError naming the ring that is missing or damaged. */
export async function loadRings(folder: string, policies: readonly RingPolicy[]): Promise<NodeRings> {
  const [account, container] = await Promise.all([load(folder, 'account'), load(folder, 'container')]);
  const objects = await Promise.all(
    policies.map(async (policy) => {
      const { index, name } = policy;
      const ring = await load(folder, objectRingName(index), ` (storage policy '${name}')`);
      const replicas = ring.rowLengths.length;
      if (policy.type === 'erasure_coding' && replicas !== replicasOf(policy))
        throw new StartError(
          `the ring of storage policy '${name}' has ${replicas} replicas: one for each fragment makes ${replicasOf(policy)}`,
          EX_CONFIG,
        );
      return { policyIndex: index, ring };
    }),
  );
  return { account, container, objects };
}

/** Whether a device of another node is in any of them: then this node must be reachable by that one. */
export function holdOtherNodes(rings: NodeRings, node: NodeFile): boolean {
  return [rings.account, rings.container, ...rings.objects.map(({ ring }) => ring)].some((ring) =>
    ring.devices.some((device) => device && !isOwn(device, node)),
  );
}

function isOwn({ ip, port }: { ip: string; port: number }, node: NodeFile): boolean {
  return ip === node.address && [node.objectPort, node.containerPort, node.accountPort].includes(port);
}

async function load(folder: string, name: string, purpose = ''): Promise<RingData> {
  const path = join(folder, `${name}.ring.gz`);
  try {
    return await loadRing(path);
  } catch (error) {
    const builder = join(folder, `${name}.builder`);
    const reason =
      systemErrorCode(error) === 'ENOENT'
        ? `it is not there; make it with 'martlet ring ${builder} create' and 'rebalance'`
        : error instanceof Error
          ? error.message
          : String(error);
    throw new StartError(`cannot read the ring ${path}${purpose}: ${reason}`, EX_CONFIG, error);
  }
}
