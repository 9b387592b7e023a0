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
  objects: readonly RingData[];
}

/** @throws StartError naming the ring that is missing or damaged. */
export async function loadRings(folder: string): Promise<NodeRings> {
  const [account, container, object] = await Promise.all([
    load(folder, 'account'),
    load(folder, 'container'),
    load(folder, 'object'),
  ]);
  return { account, container, objects: [object] };
}

/** Whether a device of another node is in any of them: then this node must be reachable by that one. */
export function holdOtherNodes(rings: NodeRings, node: NodeFile): boolean {
  return [rings.account, rings.container, ...rings.objects].some((ring) =>
    ring.devices.some((device) => device && !isOwn(device, node)),
  );
}

function isOwn({ ip, port }: { ip: string; port: number }, node: NodeFile): boolean {
  return ip === node.address && [node.objectPort, node.containerPort, node.accountPort].includes(port);
}

async function load(folder: string, name: string): Promise<RingData> {
  const path = join(folder, `${name}.ring.gz`);
  try {
    return await loadRing(path);
  } catch (error) {
    const reason =
      systemErrorCode(error) === 'ENOENT' ? 'it is not there' : error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot read the ring ${path}: ${reason}`, EX_CONFIG, error);
  }
}
