import type { Cluster } from '../backend/cluster.ts';
import type { NotesContainer } from './note-rows.ts';
import { readContainerInfo } from './read-listing.ts';
import { putContainer } from './write-listing.ts';

/** Where it is noted how far the walks through devices have come: an account with a container for each device of each coded policy. */
const RECONSTRUCTOR_ACCOUNT = '.reconstructor';
/** On such a container: `after` of the last page that was worked through; empty at the beginning of a walk. */
const WALK = 'x-container-sysmeta-walk';

/** @param deviceId index in the ring of the policy. */
export function walkNotes(policyIndex: number, deviceId: number): NotesContainer {
  return { account: RECONSTRUCTOR_ACCOUNT, container: `${policyIndex}-${deviceId}` };
}

/** @throws ApiError 503. */
export async function loadWalk(cluster: Cluster, { account, container }: NotesContainer): Promise<string | undefined> {
  const info = await readContainerInfo(cluster, account, container);
  return info?.metadata[WALK] || undefined;
}

/** Durable on a quorum when it resolves. @throws ApiError 503. */
export async function saveWalk(cluster: Cluster, notes: NotesContainer, after: string | undefined): Promise<void> {
  await putContainer(cluster, {
    ...notes,
    metadata: { [WALK]: after ?? '' },
    policyIndex: undefined,
    accountMetadata: {},
  });
}
