import { ApiError } from '../../common/errors.ts';
import type { ObjectRemoval, ObjectTarget } from '../contract.ts';
import { foldVersions, newestTimestamp } from '../engine/fold.ts';
import { folderOf, listVersions } from '../engine/object-folder.ts';
import { publishRecord, tombstoneName, tombstoneRecord } from '../engine/publish-record.ts';
import { isExpired, readObject } from '../engine/read-object.ts';
import { olderVersion } from '../errors.ts';
import { pendingPathOf } from '../updates/pending-name.ts';
import type { ActionContext } from './context.ts';

/** A full disk takes tombstones still: what is below the reserve is for them. */
export async function removeObject(
  context: ActionContext,
  target: ObjectTarget,
  { timestamp, listing }: ObjectRemoval,
): Promise<{ existed: boolean }> {
  const { device } = context;
  await device.assertUsable();
  const folder = folderOf(device, target);
  const fold = foldVersions(await listVersions(device, folder));
  const newest = newestTimestamp(fold);
  if (newest !== undefined && newest > timestamp) throw olderVersion(newest);
  const existed = fold.base?.kind === 'data' && (await isAlive(context, target));
  const version = tombstoneName(timestamp);
  const pendingPath = listing && pendingPathOf(device, folder, version);
  await publishRecord(device, target, folder, tombstoneRecord(target, timestamp, listing), version, pendingPath);
  if (listing !== undefined && pendingPath !== undefined)
    await context.reporter.report({
      target,
      listing,
      row: { name: target.object, timestamp, deleted: true },
      pendingPath,
      takeBack: async () => undefined, // no container: nothing is listed
    });
  return { existed };
}

async function isAlive({ device, clock, logger }: ActionContext, target: ObjectTarget): Promise<boolean> {
  try {
    const { data } = await readObject(device, target, logger);
    await data?.reader.close();
    return data !== undefined && !isExpired(data.state, clock.nowMs());
  } catch (error) {
    if (error instanceof ApiError && error.code === 'CorruptObject') return true;
    throw error;
  }
}
