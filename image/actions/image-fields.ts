import type { Identity } from '../../auth/guard/contract.ts';
import type { ImageContext } from '../context.ts';
import type { ContainerFormat, DiskFormat, ImageVisibility } from '../contract.ts';
import { invalid, notAllowed, tooLarge } from '../errors.ts';
import { MOST_NAME_LENGTH, MOST_PROPERTIES, MOST_PROPERTIES_BYTES, MOST_TAGS } from '../limits.ts';
import type { ImageRecord } from '../records/image-record.ts';
import { assertImageFields, BASE_FIELDS, restrictionOf } from '../schemas.ts';
import { targetOf } from './access.ts';

/** The settable part of an image, flat as on the wire: base fields and free properties side by side. */
export type FlatFields = Readonly<Record<string, unknown>>;

/** @throws ApiError 403 for a field that only the service writes. */
export function assertSettable(field: string): void {
  const restriction = restrictionOf(field);
  if (restriction !== undefined) throw notAllowed(`Attribute '${field.slice(0, 64)}' is ${restriction}.`);
}

/**
 * Validates fields and puts them in a record, in place of what it had of them. `null` has the meaning of absence for a property.
 *
 * @throws ApiError 400 for a value that the schema refuses, 413 for a quota.
 */
export function withFields(image: ImageRecord, fields: FlatFields): ImageRecord {
  assertImageFields(fields);
  const next: ImageRecord = { ...image, properties: { ...image.properties } };
  for (const [field, value] of Object.entries(fields)) {
    if (!BASE_FIELDS.has(field))
      next.properties[field] = value as string; // the schema has no other type for it
    else setBaseField(next, field, value);
  }
  assertQuotas(next);
  return next;
}

/** The schema has checked the types. */
function setBaseField(image: ImageRecord, field: string, value: unknown): void {
  switch (field) {
    case 'name':
      image.name = value as string | null;
      break;
    case 'visibility':
      image.visibility = value as ImageVisibility;
      break;
    case 'protected':
      image.protected = value as boolean;
      break;
    case 'os_hidden':
      image.hidden = value as boolean;
      break;
    case 'owner':
      if (typeof value !== 'string' || value === '') throw invalid('An image must have an owner.');
      image.owner = value;
      break;
    case 'disk_format':
      image.diskFormat = value as DiskFormat | null;
      break;
    case 'container_format':
      image.containerFormat = value as ContainerFormat | null;
      break;
    case 'min_disk':
      image.minDisk = value as number;
      break;
    case 'min_ram':
      image.minRam = value as number;
      break;
    case 'tags':
      image.tags = [...new Set(value as string[])];
      break;
  }
}

/** @throws ApiError 413 naming the quota. */
export function assertQuotas({ properties, tags }: ImageRecord): void {
  const names = Object.keys(properties);
  if (names.length > MOST_PROPERTIES)
    throw tooLarge(
      `The limit has been exceeded on the number of allowed image properties. Attempted: ${names.length}, Maximum: ${MOST_PROPERTIES}`,
    );
  if (tags.length > MOST_TAGS)
    throw tooLarge(
      `The limit has been exceeded on the number of allowed image tags. Attempted: ${tags.length}, Maximum: ${MOST_TAGS}`,
    );
  if (names.some((name) => name === '' || name.length > MOST_NAME_LENGTH))
    throw invalid(`The name of a property has 1 to ${MOST_NAME_LENGTH} characters.`);
  if (Buffer.byteLength(JSON.stringify(properties)) > MOST_PROPERTIES_BYTES)
    throw tooLarge('The properties of the image are too long altogether.');
}

/**
 * What takes more than the right to change the image: to show it to everybody, to give it away.
 *
 * @throws ApiError 403.
 */
export function authorizeFields(
  context: ImageContext,
  identity: Identity,
  before: ImageRecord,
  next: ImageRecord,
): void {
  const target = targetOf(before, identity);
  if (next.visibility === 'public' && before.visibility !== 'public')
    context.policy.authorize('publicize_image', identity, target);
  if (next.visibility === 'community' && before.visibility !== 'community')
    context.policy.authorize('communitize_image', identity, target);
  if (next.owner !== before.owner && !context.policy.allows('add_image_for_others', identity, target))
    throw notAllowed("You are not permitted to set the attribute 'owner' of this image.");
}
