import { parseTimestamp, type Timestamp } from '../../common/timestamp.ts';
import type { ObjectReading, ObjectTarget } from '../../object-server/contract.ts';
import type { Device } from '../../ring/contract.ts';
import type { ObjectName } from '../actions/read-object.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { readOrder } from '../backend/replicas.ts';
import { isRefusal } from '../errors.ts';
import type { CodedBody } from './head.ts';
import { fragmentBytes, pieceCount } from './layout.ts';

/** Fragments lie beside objects, in a policy of their own that no container can have: indexes of policies end at 999. */
export const FRAGMENT_POLICIES = 1000;

/** Where fragment `index` of a body lies on a device. */
export function fragmentTarget(
  { account, container, object, policyIndex }: ObjectName,
  { id, index, device, partition }: { id: Timestamp; index: number; device: Device; partition: number },
): ObjectTarget {
  return {
    account,
    container,
    object: `${id}/${index}/${object}`,
    policyIndex: FRAGMENT_POLICIES + policyIndex,
    device: device.device,
    partition,
  };
}

/** What a fragment's name says. @returns undefined for a name that is none. */
export function parseFragmentName(text: string): { id: Timestamp; index: number; object: string } | undefined {
  const [, id = '', index = '', object = ''] = /^([\d.]+)\/(\d{1,2})\/(.+)$/su.exec(text) ?? [];
  return parseTimestamp(id) === id ? { id, index: Number(index), object } : undefined;
}

/** `lost`: the device knows nothing of it, though it may once have had it; `removed`: it was told to remove it; `silent`: nobody knows. */
export type FragmentAnswer = 'there' | 'lost' | 'removed' | 'silent';

/** Whether a device has a fragment. Never rejects. */
export async function fragmentAt(
  cluster: Cluster,
  name: ObjectName,
  place: { id: Timestamp; index: number; device: Device; partition: number },
): Promise<FragmentAnswer> {
  try {
    const opening = cluster.objectStoreAt(place.device).open(fragmentTarget(name, place));
    const reading = await withDeadline(opening, cluster.nodeTimeoutMs, (late) => void late.close());
    await reading.close();
    return 'there';
  } catch (error) {
    if (!isRefusal(error, 'ObjectNotFound')) return 'silent';
    return error.details['timestamp'] === undefined || error.details['timestamp'] === '' ? 'lost' : 'removed';
  }
}

export interface FoundFragment {
  reading: ObjectReading;
  /** Whether its own primary said that it has none: it can be put there again. */
  isMisplaced: boolean;
}

/**
 * Looks for a fragment: on its own primary, then on the other devices that may have got it instead.
 * @returns undefined where nobody has it.
 */
export async function findFragment(
  cluster: Cluster,
  name: ObjectName,
  body: CodedBody,
  index: number,
): Promise<FoundFragment | 'absent' | undefined> {
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  const primary = ring.primaries(partition)[index];
  const devices = [primary, ...readOrder(cluster, ring, partition)].filter((device) => device !== undefined);
  let isAbsent = false;
  for (const device of new Set(devices)) {
    const target = fragmentTarget(name, { id: body.id, index, device, partition });
    try {
      const opening = cluster.objectStoreAt(device).open(target);
      const reading = await withDeadline(opening, cluster.nodeTimeoutMs, (late) => void late.close());
      if (reading.state.sizeBytes === fragmentBytes(body)) return { reading, isMisplaced: isAbsent };
      await reading.close();
    } catch (error) {
      if (isRefusal(error, 'ObjectNotFound')) isAbsent ||= device === primary;
      else cluster.logger.warn({ err: error, device: device.device, ip: device.ip }, 'a fragment could not be read');
    }
  }
  return isAbsent ? 'absent' : undefined;
}

/** The fragments of a body that no object points to. */
export interface UnusedFragments {
  id: Timestamp;
  /** How many there may be. */
  count: number;
  /** A device that has one, wherever the ring may want it: then copies on handoffs are looked for, too. */
  also?: Device;
}

/** All fragments of a body, once no object points to it. */
export function unusedOf(body: CodedBody): UnusedFragments {
  return { id: body.id, count: pieceCount(body) };
}

/** Removes all fragments of a body that no object points to any more. Bounded; never rejects: what stays takes space, and nobody reads it. */
export async function removeFragments(
  cluster: Cluster,
  name: ObjectName,
  { id, count, also }: UnusedFragments,
): Promise<void> {
  const ring = cluster.rings.object(name.policyIndex);
  const partition = ring.partitionOf(name.account, name.container, name.object);
  const devices = [...new Set([...readOrder(cluster, ring, partition), ...(also ? [also] : [])])];
  const primaries = ring.primaries(partition);
  const timestamp = cluster.timestamps.next();
  const remove = async (device: Device, index: number) => {
    const target = fragmentTarget(name, { id, index, device, partition });
    const store = cluster.objectStoreAt(device);
    try {
      // A tombstone only where something is.
      const reading = await withDeadline(store.open(target), cluster.nodeTimeoutMs, (late) => void late.close());
      await reading.close();
      return (await withDeadline(store.remove(target, { timestamp }), cluster.nodeTimeoutMs)).existed;
    } catch (error) {
      if (!isRefusal(error, 'ObjectNotFound'))
        cluster.logger.warn({ err: error, device: device.device, ip: device.ip }, 'a fragment could not be removed');
      return false;
    }
  };
  const removals = Array.from({ length: count }, async (_, index) => {
    const primary = primaries[index];
    const order = primary ? [primary, ...devices.filter((each) => each !== primary)] : devices;
    for (const device of order) if ((await remove(device, index)) && !also) return;
  });
  await Promise.all(removals);
}
