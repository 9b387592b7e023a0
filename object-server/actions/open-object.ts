import type { ObjectReading, ObjectTarget } from '../contract.ts';
import { quarantineVersion } from '../engine/quarantine.ts';
import { type FoundObject, isDamage, isExpired, readObject } from '../engine/read-object.ts';
import { corruptObject, objectNotFound, toDeviceError } from '../errors.ts';
import type { ActionContext } from './context.ts';

export async function openObject(context: ActionContext, target: ObjectTarget): Promise<ObjectReading> {
  const { device, clock, logger } = context;
  await device.assertUsable();
  const found = await readObject(device, target, logger);
  const { data } = found;
  if (data === undefined) throw objectNotFound(found.fold.base?.timestamp);
  if (isExpired(data.state, clock.nowMs())) {
    await data.reader.close();
    throw objectNotFound(data.state.timestamp);
  }
  return {
    state: data.state,
    body: (start, end) => verifiedBody(context, target, found.folder, data, start, end),
    close: () => data.reader.close(),
  };
}

async function* verifiedBody(
  { device, logger }: ActionContext,
  target: ObjectTarget,
  folder: FoundObject['folder'],
  { reader, version }: NonNullable<FoundObject['data']>,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  try {
    yield* reader.body(start, end);
  } catch (error) {
    if (!isDamage(error)) throw toDeviceError(target.device, error);
    logger.error({ err: error, device: device.name, hash: folder.hash }, 'a damaged version is set aside');
    await quarantineVersion(device, folder, version, reader.inode);
    throw corruptObject(error);
  }
}
