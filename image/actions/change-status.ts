import type { Identity } from '../../auth/guard/contract.ts';
import type { ImageContext } from '../context.ts';
import { notAllowed } from '../errors.ts';
import { nextStatus } from '../state.ts';
import { changeImage } from './access.ts';

/** Takes an image's data out of service, or puts it back. @throws ApiError 403, 404. */
export async function changeStatus(
  context: ImageContext,
  identity: Identity,
  { id, event }: { id: string; event: 'deactivate' | 'reactivate' },
): Promise<void> {
  await changeImage(context, identity, {
    id,
    action: event,
    decide: (image) => {
      const status = nextStatus(image.status, event);
      if (status === undefined) throw notAllowed(`Not allowed to ${event} an image in status '${image.status}'.`);
      return status === image.status ? undefined : { ...image, status, updatedAtMs: context.clock.nowMs() };
    },
  });
}
