import type { Identity } from '../../auth/guard/contract.ts';
import type { ImageContext } from '../context.ts';
import { conflict, notAllowed } from '../errors.ts';
import type { ImageRecord } from '../records/image-record.ts';
import { BASE_FIELDS } from '../schemas.ts';
import { changeImage } from './access.ts';
import { assertSettable, authorizeFields, withFields } from './image-fields.ts';

export interface PatchOperation {
  op: 'add' | 'replace' | 'remove';
  /** Name of the field or property. */
  field: string;
  value: unknown;
}

/**
 * Applies a JSON patch: all of it or nothing.
 *
 * @throws ApiError 400 for values, 403 for fields that may not be set, 404, 409 for properties that are not there, 413 for quotas.
 * Spec: Image API v2, "Update image".
 */
export function updateImage(
  context: ImageContext,
  identity: Identity,
  { id, operations }: { id: string; operations: readonly PatchOperation[] },
): Promise<ImageRecord> {
  return changeImage(context, identity, {
    id,
    action: 'modify_image',
    decide: (image) => {
      const patched = operations.reduce(applyOperation, image);
      authorizeFields(context, identity, image, patched);
      return { ...patched, updatedAtMs: context.clock.nowMs() };
    },
  });
}

function applyOperation(image: ImageRecord, { op, field, value }: PatchOperation): ImageRecord {
  assertSettable(field);
  if (field === 'id') throw notAllowed("Attribute 'id' is read-only.");
  if ((field === 'disk_format' || field === 'container_format') && image.status !== 'queued')
    throw notAllowed(`Attribute ${field} can be only replaced for a queued image.`);
  if (op === 'remove') return withoutProperty(image, field);
  if (op === 'replace' && !BASE_FIELDS.has(field) && !Object.hasOwn(image.properties, field))
    throw conflict(`Property ${field} does not exist.`);
  return withFields(image, { [field]: value });
}

function withoutProperty(image: ImageRecord, field: string): ImageRecord {
  if (BASE_FIELDS.has(field)) throw notAllowed(`Property ${field} may not be removed.`);
  if (!Object.hasOwn(image.properties, field)) throw conflict(`Property ${field} does not exist.`);
  const { [field]: _, ...properties } = image.properties;
  return { ...image, properties };
}
