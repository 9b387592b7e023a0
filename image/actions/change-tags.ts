import type { Identity } from '../../auth/guard/contract.ts';
import type { ImageContext } from '../context.ts';
import { invalid, notFound } from '../errors.ts';
import { MOST_NAME_LENGTH } from '../limits.ts';
import { changeImage } from './access.ts';
import { assertQuotas } from './image-fields.ts';

/** Adds a tag; one that is there stays. @throws ApiError 400, 403, 404, 413. */
export async function addTag(
  context: ImageContext,
  identity: Identity,
  { id, tag }: { id: string; tag: string },
): Promise<void> {
  if (tag.length > MOST_NAME_LENGTH) throw invalid(`A tag has at most ${MOST_NAME_LENGTH} characters.`);
  await changeImage(context, identity, {
    id,
    action: 'modify_image',
    decide: (image) => {
      if (image.tags.includes(tag)) return undefined;
      const next = { ...image, tags: [...image.tags, tag], updatedAtMs: context.clock.nowMs() };
      assertQuotas(next);
      return next;
    },
  });
}

/** @throws ApiError 403, 404 also for a tag that is not there. */
export async function removeTag(
  context: ImageContext,
  identity: Identity,
  { id, tag }: { id: string; tag: string },
): Promise<void> {
  await changeImage(context, identity, {
    id,
    action: 'modify_image',
    decide: (image) => {
      if (!image.tags.includes(tag)) throw notFound(`The tag ${tag} is not set on image ${id}.`);
      return { ...image, tags: image.tags.filter((other) => other !== tag), updatedAtMs: context.clock.nowMs() };
    },
  });
}
