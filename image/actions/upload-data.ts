import { randomUUID } from 'node:crypto';
import type { Identity } from '../../auth/guard/contract.ts';
import { invariant } from '../../common/errors.ts';
import type { ImageContext } from '../context.ts';
import { gone, invalid, tooLarge } from '../errors.ts';
import type { ImageRecord, ImageTransfer } from '../records/image-record.ts';
import { requireNextStatus } from '../state.ts';
import type { StoreLocation } from '../stores/contract.ts';
import { changeImage } from './access.ts';
import { DataReceiver, type ReceivedData } from './receive-data.ts';

export interface UploadRequest {
  imageId: string;
  /** The bytes; called once the image is in `saving`. When the signal fires, the iteration must reject with its reason. */
  open(signal: AbortSignal): AsyncIterable<Buffer>;
  announcedBytes: number | undefined;
  /** Id of the store that the client asked for. */
  store: string | undefined;
}

/**
 * Takes an image's data: bytes first, pointer last. The image is `saving` meanwhile and names its transfer; it becomes `active`
 * in one step with the location and the hashes. Whatever fails puts it back to `queued`, after its bytes are gone.
 *
 * @throws ApiError 400, 403, 404, 409 for the request; 410, 413, 415, 503 for the data.
 */
export async function uploadData(context: ImageContext, identity: Identity, request: UploadRequest): Promise<void> {
  const { announcedBytes, imageId } = request;
  const mostBytes = context.config.most_image_bytes;
  if (announcedBytes !== undefined && announcedBytes > mostBytes)
    throw tooLarge(`The image is larger than the limit of ${mostBytes} bytes.`);
  const chosen = await context.stores.choose(request.store);
  const transfer: ImageTransfer = { id: randomUUID(), store: chosen.id };

  await context.transfers.run({ id: transfer.id, imageId }, async (signal) => {
    const image = await beginTransfer(context, identity, imageId, transfer);
    const { diskFormat, containerFormat } = image;
    invariant(diskFormat && containerFormat, 'beginTransfer asks for both');
    try {
      const receiver = new DataReceiver({ diskFormat, containerFormat, announcedBytes, mostBytes });
      const location = await chosen.store.write(imageId, receiver.pass(request.open(signal)));
      invariant(location.sizeBytes === receiver.received?.sizeBytes, 'the store has what passed through');
      await completeTransfer(context, imageId, { transfer, location, received: receiver.received });
    } catch (error) {
      await undo(context, image, error);
      throw error;
    }
  });
}

function beginTransfer(
  context: ImageContext,
  identity: Identity,
  id: string,
  transfer: ImageTransfer,
): Promise<ImageRecord> {
  return changeImage(context, identity, {
    id,
    action: 'upload_image',
    decide: (image) => {
      const missing = [
        ...(image.diskFormat === null ? ['disk_format'] : []),
        ...(image.containerFormat === null ? ['container_format'] : []),
      ];
      if (missing.length > 0) throw invalid(`Properties ${missing.join(', ')} must be set prior to saving data.`);
      const status = requireNextStatus(image.status, 'upload');
      return { ...image, status, transfer, updatedAtMs: context.clock.nowMs() };
    },
  });
}

async function completeTransfer(
  { clock, images }: ImageContext,
  id: string,
  { transfer, location, received }: { transfer: ImageTransfer; location: StoreLocation; received: ReceivedData },
): Promise<void> {
  const { sizeBytes, virtualSizeBytes, md5, sha512 } = received;
  const copies = [{ store: transfer.store, location }];
  const image = await images.update(id, (current) => {
    if (current.transfer?.id !== transfer.id) return undefined;
    const status = requireNextStatus(current.status, 'stored');
    const data = { sizeBytes, virtualSizeBytes, md5, sha512, copies };
    return { ...current, status, data, transfer: null, updatedAtMs: clock.nowMs() };
  });
  if (image?.data?.copies !== copies) throw gone(id);
}

/** A store that cannot clean up now leaves the image in `saving`: recovery goes on trying, and frees it then. */
async function undo({ logger, recovery }: ImageContext, image: ImageRecord, error: unknown): Promise<void> {
  try {
    await recovery.undoTransfer(image);
  } catch (cleanupError) {
    logger.warn({ err: cleanupError, after: error, image: image.id }, 'a failed upload will be cleaned up later');
    recovery.schedule();
  }
}
