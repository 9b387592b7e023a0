import { randomUUID } from 'node:crypto';
import type { Identity } from '../../auth/guard/contract.ts';
import { projectIdOf } from '../../auth/guard/scope.ts';
import type { ImageContext } from '../context.ts';
import type { ImageRecord } from '../records/image-record.ts';
import { assertSettable, authorizeFields, type FlatFields, withFields } from './image-fields.ts';

/** Makes the record of an image whose data is still to come. @throws ApiError 400, 403, 409, 413. */
export async function createImage(context: ImageContext, identity: Identity, fields: FlatFields): Promise<ImageRecord> {
  const owner = projectIdOf(identity);
  context.policy.authorize('add_image', identity, { project_id: owner });
  for (const field of Object.keys(fields)) assertSettable(field);
  const nowMs = context.clock.nowMs();
  const blank: ImageRecord = {
    id: typeof fields['id'] === 'string' ? fields['id'].toLowerCase() : randomUUID(),
    name: null,
    status: 'queued',
    visibility: 'shared',
    owner,
    protected: false,
    diskFormat: null,
    containerFormat: null,
    minDisk: 0,
    minRam: 0,
    hidden: false,
    tags: [],
    properties: {},
    members: [],
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    data: null,
    transfer: null,
  };
  const image = withFields(blank, fields);
  authorizeFields(context, identity, blank, image);
  await context.images.insert(image);
  return image;
}
