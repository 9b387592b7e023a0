import { type Static, Type } from '@sinclair/typebox';
import { LEAST_S3_PART_BYTES } from './limits.ts';

const storeId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
  description: 'Name of the store, as clients give it in x-image-meta-store.',
});
const description = Type.Optional(Type.String({ maxLength: 255, description: 'What clients are told of the store.' }));

const fileStore = Type.Object(
  {
    id: storeId,
    type: Type.Literal('file'),
    description,
    path: Type.Optional(
      Type.String({ minLength: 1, description: 'Folder of the images; <data folder>/images unless given.' }),
    ),
  },
  { additionalProperties: false },
);

const swiftStore = Type.Object(
  {
    id: storeId,
    type: Type.Literal('swift'),
    description,
    container: Type.String({
      default: 'glance',
      pattern: '^[^/?#%]{1,128}$',
      description: 'Container in the service project.',
    }),
    segment_bytes: Type.Integer({
      default: 200 << 20,
      minimum: 1,
      maximum: 5 * 2 ** 30,
      description: 'Length of a segment, in bytes.',
    }),
  },
  { additionalProperties: false },
);

const s3Store = Type.Object(
  {
    id: storeId,
    type: Type.Literal('s3'),
    description,
    endpoint: Type.Optional(Type.String({ pattern: '^https?://', description: 'Base URL; Amazon unless given.' })),
    region: Type.String({ default: 'us-east-1', minLength: 1, description: 'Region that requests are signed for.' }),
    bucket: Type.String({ minLength: 3, maxLength: 63, description: 'Bucket; it must exist.' }),
    access_key: Type.String({ minLength: 1, description: 'Access key id.' }),
    secret_key: Type.String({ minLength: 1, description: 'Secret access key.' }),
    path_style: Type.Boolean({ default: true, description: 'Whether the bucket stands in the path, not in the host.' }),
    part_bytes: Type.Integer({
      default: 16 << 20,
      minimum: LEAST_S3_PART_BYTES,
      maximum: 1 << 30,
      description: 'Length of an upload part, in bytes; one part of each upload is kept in memory.',
    }),
  },
  { additionalProperties: false },
);

/** The image service's part of the configuration. */
export const imageConfigSchema = Type.Object(
  {
    stores: Type.Array(Type.Union([fileStore, swiftStore, s3Store]), {
      minItems: 1,
      maxItems: 32,
      default: [
        { id: 'file', type: 'file' },
        { id: 'swift', type: 'swift', container: 'glance', segment_bytes: 200 << 20 },
      ],
      description: 'Where images may be kept. A swift store is offered only while the catalog has an object store.',
    }),
    default_store: Type.String({ default: 'file', description: 'Id of the store for uploads that name none.' }),
    most_image_bytes: Type.Integer({
      default: 2 ** 40,
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Largest image, in bytes.',
    }),
  },
  { additionalProperties: false, default: {} },
);

export type ImageConfig = Static<typeof imageConfigSchema>;
export type StoreConfig = ImageConfig['stores'][number];
