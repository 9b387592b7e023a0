import type { ObjectRow } from '../../container-server/contract.ts';
import type { ListingReport, ObjectTarget, ReplicaOfListing } from '../contract.ts';
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
  const answers = await Promise.all(toldAtOnce(listing).map((replica) => context.updates.send(replica, target, row)));
  const [answer = 'late'] = answers;
  if (answer === 'gone') return answer;
  if (answers.some((each) => each === 'late' || each === 'gone')) {
    await notePending(context, needle, location, listing);
    return answer;
  }
  whenAllWritten(answers, (durable) => {
    if (durable) slabs.settle(location);
    else void notePending(context, needle, location, listing);
  });
  return answer;
}

/** The container replica that this object replica reports to, first; those that no other one tells after it. */
function toldAtOnce(listing: ListingReport): readonly ReplicaOfListing[] {
  const also = listing.alsoOthers ? listing.others?.slice(0, listing.alsoOthers) : undefined;
  return also ? [listing, ...also] : [listing];
}

/** Calls `then` once: at once where all have the row durably, else when those that have taken it know. */
function whenAllWritten(answers: readonly ListingAnswer[], then: (durable: boolean) => void): void {
  let left = 1;
  let areDurable = true;
  const settled = (durable: boolean) => {
    areDurable &&= durable;
    left -= 1;
    if (left === 0) then(areDurable);
  };
  for (const answer of answers) {
    if (typeof answer === 'string') continue;
    left += 1;
    answer.whenWritten(settled);
  }
  settled(true);
}

/** Of a version that is durable, where what is to be told cannot be found out now: told later, if it is this replica's to tell. */
export async function reportLater(context: ActionContext, needle: KeyedNeedle, location: Location): Promise<void> {
  if (needle.listing === undefined) context.device.slabs.settle(location);
  else await notePending(context, needle, location, needle.listing);
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
