import { join } from 'node:path';
import { StartError, systemErrorCode } from '../common/errors.ts';
import type { RingData } from '../ring/contract.ts';
import { loadRing } from '../ring/ring-file.ts';
import type { NodeFile } from './node-file.ts';

const EX_CONFIG = 78;

/** The rings of a cluster; of the object rings, one per storage policy. */
export interface NodeRings {
  account: RingData;
  container: RingData;
  objects: readonly { policyIndex: number; ring: RingData }[];
}

/** Name of the files of a policy's object ring. Spec: Swift, "Storage Policies": policies and rings. */
export function objectRingName(policyIndex: number): string {
  return policyIndex === 0 ? 'object' : `object-${policyIndex}`;
}

/** @throws StartError naming the ring that is missing or damaged. */
export async function loadRings(
  folder: string,
  policies: readonly { index: number; name: string }[],
): Promise<NodeRings> {
  const [account, container] = await Promise.all([load(folder, 'account'), load(folder, 'container')]);
  const objects = await Promise.all(
    policies.map(async ({ index, name }) => ({
      policyIndex: index,
      ring: await load(folder, objectRingName(index), ` (storage policy '${name}')`),
    })),
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
