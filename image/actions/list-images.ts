import type { Identity } from '../../auth/guard/contract.ts';
import { cutPage, type PageQuery } from '../../openstack/paging.ts';
import type { ImageContext } from '../context.ts';
import { notFound } from '../errors.ts';
import type { ImageRecord, MemberStatus } from '../records/image-record.ts';
import { projectOf } from './access.ts';

export interface ListRequest {
  page: PageQuery;
  /** What the query's filters say of an image. */
  matches(image: ImageRecord): boolean;
  visibility: 'public' | 'private' | 'shared' | 'community' | 'all' | undefined;
  /** Which shared images of others to show: by what the caller's project said to them. */
  memberStatus: MemberStatus | 'all';
}

/** Fields that lists can be sorted by. */
export const SORTABLE = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'virtual_size',
  'id',
  'created_at',
  'updated_at',
] as const;

/**
 * A page of the images that the caller's project may see: its own, public ones, shared ones it has accepted, and community
 * ones when it asks for them.
 *
 * @throws ApiError 403; 404 for a marker that is none of them.
 */
export async function listImages(
  context: ImageContext,
  identity: Identity,
  request: ListRequest,
): Promise<{ page: ImageRecord[]; more: boolean }> {
  context.policy.authorize('get_images', identity);
  const project = projectOf(identity);
  const seesAll = context.policy.allows('get_images_of_all', identity);
  const shown = (image: ImageRecord): boolean =>
    asksFor(image, request) && (seesAll || isShown(image, project, request)) && request.matches(image);
  const images = await context.images.list(shown);
  const cut = cutPage(images, request.page, fieldOf);
  if (!cut) throw notFound(`Marker ${(request.page.marker ?? '').slice(0, 64)} could not be found.`);
  return cut;
}

function asksFor({ visibility }: ImageRecord, request: ListRequest): boolean {
  return request.visibility === undefined || request.visibility === 'all' || request.visibility === visibility;
}

function isShown(image: ImageRecord, project: string | undefined, request: ListRequest): boolean {
  if (project !== undefined && image.owner === project) return true;
  switch (image.visibility) {
    case 'public':
      return true;
    case 'community':
      return request.visibility === 'community' || request.visibility === 'all';
    case 'shared':
      return image.members.some(
        ({ id, status }) => id === project && (request.memberStatus === 'all' || request.memberStatus === status),
      );
    case 'private':
      return false;
  }
}

function fieldOf(image: ImageRecord, field: string): string | number | null | undefined {
  switch (field as (typeof SORTABLE)[number]) {
    case 'name':
      return image.name;
    case 'status':
      return image.status;
    case 'container_format':
      return image.containerFormat;
    case 'disk_format':
      return image.diskFormat;
    case 'size':
      return image.data?.sizeBytes;
    case 'virtual_size':
      return image.data?.virtualSizeBytes;
    case 'id':
      return image.id;
    case 'created_at':
      return image.createdAtMs;
    case 'updated_at':
      return image.updatedAtMs;
  }
}
