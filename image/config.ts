import { type Static, Type } from '@sinclair/typebox';
import { LEAST_S3_PART_BYTES } from './limits.ts';

/** One store. A key belongs to the type that its description begins with; of the others it is ignored. */
const storeConfigSchema = Type.Object(
  {
    id: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
      description: 'Name of the store, as clients give it in x-image-meta-store.',
    }),
    type: Type.Union([Type.Literal('file'), Type.Literal('swift'), Type.Literal('s3')], {
      description:
        'file: in a local folder. swift: in the object store of this cloud. s3: in a bucket of an S3 service.',
    }),
    description: Type.Optional(Type.String({ maxLength: 255, description: 'What clients are told of the store.' })),
    path: Type.String({
      default: 'images',
      minLength: 1,
      description: 'file: folder of the images; below the data folder unless absolute.',
    }),
    container: Type.String({
      default: 'glance',
      pattern: '^[^/?#%]{1,128}$',
      description: 'swift: container in the service project.',
    }),
    segment_size_bytes: Type.Integer({
      default: 200 << 20,
      minimum: 1,
      maximum: 5 * 2 ** 30,
      description: 'swift: length of a segment, in bytes; an image has at most 6,000 of them.',
    }),
    endpoint: Type.Optional(Type.String({ pattern: '^https?://', description: 's3: base URL; Amazon unless given.' })),
    region: Type.String({
      default: 'us-east-1',
      minLength: 1,
      description: 's3: region that requests are signed for.',
    }),
    bucket: Type.Optional(Type.String({ minLength: 3, maxLength: 63, description: 's3: bucket; it must exist.' })),
    access_key: Type.Optional(Type.String({ minLength: 1, description: 's3: access key id.' })),
    secret_key: Type.Optional(Type.String({ minLength: 1, description: 's3: secret access key.' })),
    path_style: Type.Boolean({
      default: true,
      description: 's3: whether the bucket stands in the path, not in the host.',
    }),
    part_size_bytes: Type.Integer({
      default: 16 << 20,
      minimum: LEAST_S3_PART_BYTES,
      maximum: 1 << 30,
      description: 's3: length of an upload part, in bytes; one part of each upload is kept in memory.',
    }),
  },
  { additionalProperties: false },
);

/** The image service's part of the configuration. */
export const imageConfigSchema = Type.Object({
  stores: Type.Array(storeConfigSchema, {
    minItems: 1,
    maxItems: 32,
    default: [
      { id: 'file', type: 'file' },
      { id: 'swift', type: 'swift' },
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
});

export type ImageConfig = Static<typeof imageConfigSchema>;
export type StoreConfig = Static<typeof storeConfigSchema>;
