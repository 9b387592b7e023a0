import type { Identity } from '../../auth/guard/contract.ts';
import type { ImageContext } from '../context.ts';
import { gone, notAllowed } from '../errors.ts';
import { requireNextStatus } from '../state.ts';
import { changeImage } from './access.ts';

/**
 * Deletes an image: marks it first, which hides it at once, then removes bytes and record. What a store refuses now is done later;
 * an upload that runs is ended and answered 410.
 */
export async function deleteImage(context: ImageContext, identity: Identity, id: string): Promise<void> {
  const { clock, logger, recovery, transfers } = context;
  const marked = await changeImage(context, identity, {
    id,
    action: 'delete_image',
    decide: (image) => {
      if (image.protected) throw notAllowed(`Image ${id} is protected and cannot be deleted.`);
      return { ...image, status: requireNextStatus(image.status, 'delete'), updatedAtMs: clock.nowMs() };
    },
  });
  await transfers.end(id, gone(id));
  try {
    await recovery.finishDeletion(marked);
  } catch (error) {
    logger.warn({ err: error, image: id }, 'the data of a deleted image will be removed later');
    recovery.schedule();
  }
}
