import type { Identity } from '../../auth/guard/contract.ts';
import type { ImageContext } from '../context.ts';
import { conflict, invalid, notAllowed, notFound, tooLarge } from '../errors.ts';
import { MOST_MEMBERS, MOST_NAME_LENGTH } from '../limits.ts';
import type { ImageMember, ImageRecord, MemberStatus } from '../records/image-record.ts';
import { changeImage, projectOf, requireAllowed, targetOf } from './access.ts';

interface MemberRequest {
  imageId: string;
  /** Project. */
  memberId: string;
}

/** All members to the owner; to a member, itself. @throws ApiError 403 for an image that is not shared, 404. */
export async function listMembers(context: ImageContext, identity: Identity, imageId: string): Promise<ImageMember[]> {
  const image = await requireAllowed(context, identity, imageId, 'get_members');
  assertShared(image);
  if (seesAllMembers(context, identity, image)) return image.members;
  return image.members.filter(({ id }) => id === projectOf(identity));
}

/** @throws ApiError 404 also for a member that the caller may not know of. */
export async function showMember(
  context: ImageContext,
  identity: Identity,
  request: MemberRequest,
): Promise<ImageMember> {
  const members = await listMembers(context, identity, request.imageId);
  return requireMember(members, request.memberId);
}

/** @throws ApiError 400, 403, 404, 409, 413. */
export async function addMember(
  context: ImageContext,
  identity: Identity,
  request: MemberRequest,
): Promise<ImageMember> {
  const { imageId: id, memberId } = request;
  if (memberId === '' || memberId.length > MOST_NAME_LENGTH) throw invalid('member: the id of a project is expected.');
  const nowMs = context.clock.nowMs();
  const member: ImageMember = { id: memberId, status: 'pending', createdAtMs: nowMs, updatedAtMs: nowMs };
  await changeImage(context, identity, {
    id,
    action: 'add_member',
    decide: (image) => {
      assertShared(image);
      if (image.members.some((other) => other.id === memberId))
        throw conflict(`The target member ${memberId} is already associated with image ${id}.`);
      if (image.members.length >= MOST_MEMBERS)
        throw tooLarge(
          `The limit has been exceeded on the number of allowed image members for this image. Maximum: ${MOST_MEMBERS}`,
        );
      return { ...image, members: [...image.members, member] };
    },
  });
  return member;
}

/** Accepts or rejects a shared image: the member's own decision. @throws ApiError 403, 404. */
export async function setMemberStatus(
  context: ImageContext,
  identity: Identity,
  { imageId: id, memberId, status }: MemberRequest & { status: MemberStatus },
): Promise<ImageMember> {
  const changed = await changeImage(context, identity, {
    id,
    action: 'get_members',
    decide: (image) => {
      assertShared(image);
      const visible = seesAllMembers(context, identity, image)
        ? image.members
        : image.members.filter((member) => member.id === projectOf(identity));
      const member = requireMember(visible, memberId);
      context.policy.authorize('modify_member', identity, { ...targetOf(image, identity), member_id: member.id });
      const next = { ...member, status, updatedAtMs: context.clock.nowMs() };
      return { ...image, members: image.members.map((other) => (other.id === memberId ? next : other)) };
    },
  });
  return requireMember(changed.members, memberId);
}

/** @throws ApiError 403, 404. */
export async function removeMember(context: ImageContext, identity: Identity, request: MemberRequest): Promise<void> {
  await changeImage(context, identity, {
    id: request.imageId,
    action: 'delete_member',
    decide: (image) => {
      assertShared(image);
      requireMember(image.members, request.memberId);
      return { ...image, members: image.members.filter(({ id }) => id !== request.memberId) };
    },
  });
}

function seesAllMembers(context: ImageContext, identity: Identity, image: ImageRecord): boolean {
  return image.owner === projectOf(identity) || context.policy.allows('get_images_of_all', identity);
}

function assertShared({ visibility }: ImageRecord): void {
  if (visibility !== 'shared') throw notAllowed('Only shared images have members.');
}

function requireMember(members: readonly ImageMember[], id: string): ImageMember {
  const member = members.find((other) => other.id === id);
  if (!member) throw notFound(`Member ${id.slice(0, 64)} could not be found.`);
  return member;
}
