import type { Identity, PolicyTarget } from '../../auth/guard/contract.ts';
import type { ImageContext } from '../context.ts';
import { imageNotFound } from '../errors.ts';
import type { ImageRecord } from '../records/image-record.ts';

/** The project a token is for; undefined for a token of another scope. */
export function projectOf(identity: Identity): string | undefined {
  return identity.scope.kind === 'project' ? identity.scope.project.id : undefined;
}

/** What policy rules may compare of an image. */
export function targetOf(image: ImageRecord, identity: Identity): PolicyTarget {
  const project = projectOf(identity);
  const isMember = image.visibility === 'shared' && image.members.some(({ id }) => id === project);
  return {
    project_id: image.owner,
    owner: image.owner,
    visibility: image.visibility,
    member_id: isMember ? project : undefined,
  };
}

/**
 * An image that the caller may see.
 *
 * @throws ApiError 404, the same for one that does not exist and one of somebody else.
 */
export async function requireVisible(context: ImageContext, identity: Identity, id: string): Promise<ImageRecord> {
  const image = await context.images.get(id);
  if (!image || !context.policy.allows('get_image', identity, targetOf(image, identity))) throw imageNotFound(id);
  return image;
}

/**
 * An image that the caller may see and do `action` to.
 *
 * @throws ApiError 404 or 403.
 */
export async function requireAllowed(
  context: ImageContext,
  identity: Identity,
  id: string,
  action: string,
): Promise<ImageRecord> {
  const image = await requireVisible(context, identity, id);
  context.policy.authorize(action, identity, targetOf(image, identity));
  return image;
}

/**
 * Changes an image after asking the policy, again for each attempt: what is decided on is what is replaced.
 *
 * @param decide the next record, or undefined to leave it as it is; may throw to refuse.
 * @throws ApiError 404, 403, and what `decide` throws.
 */
export async function changeImage(
  context: ImageContext,
  identity: Identity,
  request: { id: string; action: string; decide: (image: ImageRecord) => ImageRecord | undefined },
): Promise<ImageRecord> {
  await requireAllowed(context, identity, request.id, request.action);
  const changed = await context.images.update(request.id, (image) => {
    context.policy.authorize(request.action, identity, targetOf(image, identity));
    return request.decide(image);
  });
  if (!changed) throw imageNotFound(request.id);
  return changed;
}
