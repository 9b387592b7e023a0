import { Ajv, type ValidateFunction } from 'ajv';
import { CONTAINER_FORMATS, DISK_FORMATS } from './contract.ts';
import { invalid } from './errors.ts';
import { MOST_NAME_LENGTH, MOST_VALUE_LENGTH } from './limits.ts';

type Schema = Record<string, unknown>;

const UUID = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';

const readOnly = (schema: Schema): Schema => ({ readOnly: true, ...schema });
const hint = (description: string, pattern?: string): Schema => ({
  type: 'string',
  ...(pattern === undefined ? {} : { pattern }),
  description,
  is_base: false,
});

/** Every field of an image that has a meaning of its own; what is not here is a free property, a string. */
const IMAGE_FIELDS: Readonly<Record<string, Schema>> = {
  id: { type: 'string', pattern: UUID, description: 'An identifier for the image' },
  name: { type: ['null', 'string'], maxLength: MOST_NAME_LENGTH, description: 'Descriptive name for the image' },
  status: readOnly({ type: 'string', description: 'Status of the image' }),
  visibility: {
    type: 'string',
    enum: ['community', 'public', 'private', 'shared'],
    description: 'Scope of image accessibility',
  },
  protected: { type: 'boolean', description: 'If true, image will not be deletable.' },
  os_hidden: { type: 'boolean', description: 'If true, image will not appear in default image list response.' },
  checksum: readOnly({ type: ['null', 'string'], maxLength: 32, description: 'MD5 hash of the image contents.' }),
  os_hash_algo: readOnly({ type: ['null', 'string'], maxLength: 64, description: 'Algorithm of os_hash_value' }),
  os_hash_value: readOnly({
    type: ['null', 'string'],
    maxLength: 128,
    description: 'Hexdigest of the image contents using the algorithm specified by os_hash_algo',
  }),
  owner: { type: ['null', 'string'], maxLength: MOST_NAME_LENGTH, description: 'Owner of the image' },
  size: readOnly({ type: ['null', 'integer'], description: 'Size of image file in bytes' }),
  virtual_size: readOnly({ type: ['null', 'integer'], description: 'Virtual size of image in bytes' }),
  container_format: {
    type: ['null', 'string'],
    enum: [null, ...CONTAINER_FORMATS],
    description: 'Format of the container',
  },
  disk_format: { type: ['null', 'string'], enum: [null, ...DISK_FORMATS], description: 'Format of the disk' },
  created_at: readOnly({ type: 'string', description: 'Date and time of image registration' }),
  updated_at: readOnly({ type: 'string', description: 'Date and time of the last image modification' }),
  tags: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: MOST_NAME_LENGTH },
    description: 'List of strings related to the image',
  },
  direct_url: readOnly({ type: 'string', description: 'URL to access the image file kept in external store' }),
  min_ram: { type: 'integer', minimum: 0, maximum: 2147483647, description: 'Ram (in MB) required to boot image.' },
  min_disk: { type: 'integer', minimum: 0, maximum: 2147483647, description: 'Disk space (in GB) for the image.' },
  self: readOnly({ type: 'string', description: 'An image self url' }),
  file: readOnly({ type: 'string', description: 'An image file url' }),
  schema: readOnly({ type: 'string', description: 'An image schema url' }),
  stores: readOnly({ type: 'string', description: 'Stores in which the image data is kept' }),
};

/** Free properties that OpenStack agreed on. */
const COMMON_PROPERTIES: Readonly<Record<string, Schema>> = {
  kernel_id: hint(
    'ID of image stored in Glance that should be used as the kernel when booting an AMI-style image.',
    UUID,
  ),
  ramdisk_id: hint(
    'ID of image stored in Glance that should be used as the ramdisk when booting an AMI-style image.',
    UUID,
  ),
  instance_uuid: hint('Instance this image was made from'),
  architecture: hint('Operating system architecture'),
  os_distro: hint('Common name of operating system distribution'),
  os_version: hint('Operating system version as specified by the distributor.'),
};

const imageSchema: Schema = {
  name: 'image',
  properties: { ...IMAGE_FIELDS, ...COMMON_PROPERTIES },
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
};

const memberSchema: Schema = {
  name: 'member',
  properties: {
    image_id: { type: 'string', pattern: UUID, description: 'An identifier for the image' },
    member_id: { type: 'string', description: 'An identifier for the image member (tenantId)' },
    created_at: { type: 'string', description: 'Date and time of image member creation' },
    updated_at: { type: 'string', description: 'Date and time of last modification of image member' },
    status: {
      type: 'string',
      enum: ['pending', 'accepted', 'rejected'],
      description: 'The status of this image member',
    },
    schema: readOnly({ type: 'string' }),
  },
};

const listOf = (name: string, item: Schema): Schema => ({
  name,
  properties: {
    [name]: { type: 'array', items: item },
    first: { type: 'string' },
    next: { type: 'string' },
    schema: { type: 'string' },
  },
  links: [
    { rel: 'first', href: '{first}' },
    { rel: 'next', href: '{next}' },
    { rel: 'describedby', href: '{schema}' },
  ],
});

/** The documents below `/v2/schemas`. Spec: Image API v2, "Image Schemas". */
export const SCHEMA_DOCUMENTS: Readonly<Record<string, Schema>> = {
  image: imageSchema,
  images: listOf('images', imageSchema),
  member: memberSchema,
  members: { ...listOf('members', memberSchema), links: [{ rel: 'describedby', href: '{schema}' }] },
};

export const BASE_FIELDS: ReadonlySet<string> = new Set(Object.keys(IMAGE_FIELDS));

const RESERVED = new Set([
  'self',
  'file',
  'schema',
  'direct_url',
  'stores',
  'locations',
  'deleted',
  'deleted_at',
  'location',
]);

/** Why a field cannot be set by a client: `reserved`, `read-only`, or not at all. */
export function restrictionOf(field: string): 'reserved' | 'read-only' | undefined {
  if (RESERVED.has(field) || field.startsWith('os_glance')) return 'reserved';
  return IMAGE_FIELDS[field]?.['readOnly'] === true ? 'read-only' : undefined;
}

let validate: ValidateFunction | undefined;

/**
 * Whether fields have the types and values that the image schema gives them.
 *
 * @throws ApiError 400 naming the field.
 */
export function assertImageFields(fields: Readonly<Record<string, unknown>>): void {
  // Compiled at the first use: it would cost every start some milliseconds.
  validate ??= new Ajv({ strict: false }).compile({
    type: 'object',
    ...imageSchema,
    additionalProperties: { type: 'string', maxLength: MOST_VALUE_LENGTH },
  });
  if (validate(fields)) return;
  const [error] = validate.errors ?? [];
  const field = error?.instancePath.slice(1).slice(0, 64);
  throw invalid(`Provided object does not match schema 'image': ${field}: ${error?.message ?? 'invalid'}`);
}
