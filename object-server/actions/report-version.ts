import type { ObjectRow } from '../../container-server/contract.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';
import type { KeyedNeedle } from '../engine/device.ts';
import { indexedVersionOf } from '../engine/device.ts';
import type { Location } from '../slab/contract.ts';
import type { ListingAnswer } from '../updates/contract.ts';
import type { ActionContext } from './context.ts';

/**
 * Tells the container replica of a version that is visible, if it is this replica's to tell, and settles its needle: once that is
 * durably listed, or noted as pending. Between the needle and this, a crash has the needle replayed, and its update noted then.
 *
 * @param row undefined: somebody else has changed the object meanwhile, and reports that.
 * @returns `gone`: there is no container, and the caller has to settle the needle after taking the version back.
 */
export async function reportVersion(
  context: ActionContext,
  target: ObjectTarget,
  needle: KeyedNeedle,
  location: Location,
  row: ObjectRow | undefined,
): Promise<ListingAnswer> {
  const { slabs } = context.device;
  const { listing } = needle;
  if (listing === undefined || row === undefined) {
    slabs.settle(location);
    return 'listed';
  }
  const answer = await context.updates.send(listing, target, row);
  if (answer === 'gone') return answer;
  if (answer === 'listed') slabs.settle(location);
  else if (answer === 'late') await notePending(context, needle, location, listing);
  else
    answer.whenWritten((durable) => {
      if (durable) slabs.settle(location);
      else void notePending(context, needle, location, listing);
    });
  return answer;
}

async function notePending(
  { device, logger }: ActionContext,
  needle: KeyedNeedle,
  location: Location,
  listing: ListingReport,
): Promise<void> {
  const version = indexedVersionOf(needle, location);
  try {
    await device.index.put([{ change: 'put-pending', object: needle.objectKey, version, listing }]);
    device.slabs.settle(location);
  } catch (error) {
    // The version is durable, and its needle not settled: the next start notes the update.
    logger.error({ err: error, device: device.name }, 'a listing update cannot be noted before the next start');
  }
}
