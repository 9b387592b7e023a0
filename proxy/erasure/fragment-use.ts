import type { Timestamp } from '../../common/timestamp.ts';
import type { Device } from '../../ring/contract.ts';
import type { ObjectName } from '../actions/read-object.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { quorumOf } from '../backend/quorum.ts';
import { readOrder } from '../backend/replicas.ts';
import { isRefusal } from '../errors.ts';
import { type CodedBody, codedBodyOf } from './head.ts';

/** Whether an object points to the fragments with an id. `unknown`: they have to stay. */
export type FragmentUse = { isUsed: true; body: CodedBody; etag: string } | { isUsed: false } | 'unknown';

/** What a device knows of an object. */
interface KnownHead {
  /** Of the data, or the tombstone; '' where there is nothing. */
  timestamp: Timestamp;
  body: CodedBody | undefined;
  etag: string;
}

const NOTHING: KnownHead = { timestamp: '', body: undefined, etag: '' };

/** What the device that is read first says, and no other: it may have missed a write. @returns undefined where it points elsewhere. */
export async function usedByFirst(
  cluster: Cluster,
  name: ObjectName,
  id: Timestamp,
): Promise<{ body: CodedBody; etag: string } | undefined> {
  const { ring, partition } = placeOf(cluster, name);
  for (const device of readOrder(cluster, ring, partition)) {
    const head = await headAt(cluster, name, device, partition);
    return head?.body?.id === id ? { body: head.body, etag: head.etag } : undefined;
  }
  return undefined;
}

/**
 * Asks every device that may have the object, primaries and handoffs. That nobody points to the fragments is believed only where all of
 * them have answered, and either a quorum of primaries has something newer than the fragments, so that no write that pointed to them can
 * come to light any more; or every single device of the ring has been asked, and none knows of them: a write that never came to its end.
 */
export async function fragmentUse(cluster: Cluster, name: ObjectName, id: Timestamp): Promise<FragmentUse> {
  const { ring, partition } = placeOf(cluster, name);
  const ask = (devices: Iterable<Device>) =>
    Promise.all([...devices].map((device) => headAt(cluster, name, device, partition)));
  const near = new Set(readOrder(cluster, ring, partition));
  const primaries = new Set(ring.primaries(partition));
  const answers = await ask(near);
  const known = answers.filter((head) => head !== undefined);
  const newest = known.reduce((best, head) => (head.timestamp > best.timestamp ? head : best), NOTHING);
  if (newest.body?.id === id) return { isUsed: true, body: newest.body, etag: newest.etag };
  if (known.length < answers.length) return 'unknown';
  const newer = [...near].filter((device, place) => primaries.has(device) && (known[place]?.timestamp ?? '') > id);
  if (newer.length >= quorumOf(primaries.size)) return { isUsed: false };
  const others = new Set(ring.devices.filter((device) => device !== undefined && !near.has(device)) as Device[]);
  const all = [...known, ...(await ask(others))];
  return all.every((head) => head !== undefined && head.body?.id !== id) ? { isUsed: false } : 'unknown';
}

function placeOf(cluster: Cluster, name: ObjectName) {
  const ring = cluster.rings.object(name.policyIndex);
  return { ring, partition: ring.partitionOf(name.account, name.container, name.object) };
}

/** @returns undefined where the device does not answer, or cannot say: an object past its `X-Delete-At` still has its fragments. */
async function headAt(
  cluster: Cluster,
  name: ObjectName,
  device: Device,
  partition: number,
): Promise<KnownHead | undefined> {
  try {
    const opening = cluster.objectStoreAt(device).open({ ...name, device: device.device, partition });
    const reading = await withDeadline(opening, cluster.nodeTimeoutMs, (late) => void late.close());
    await reading.close();
    const { state } = reading;
    return { timestamp: state.dataTimestamp, body: codedBodyOf(state), etag: state.etag };
  } catch (error) {
    if (!isRefusal(error, 'ObjectNotFound') || error.details['deleteAt'] !== undefined) return undefined;
    const { timestamp } = error.details;
    return typeof timestamp === 'string' ? { ...NOTHING, timestamp } : NOTHING;
  }
}
