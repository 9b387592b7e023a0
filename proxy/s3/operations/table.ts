import type { Operation, S3Request } from '../message.ts';
import { getBucketAcl, getObjectAcl, putBucketAcl, putObjectAcl } from './acl.ts';
import { getAttributes } from './attributes.ts';
import { createBucket, deleteBucket, getLocation, headBucket } from './buckets.ts';
import { completeUpload } from './complete-upload.ts';
import { copyObject } from './copy-object.ts';
import { deleteBucketCors, getBucketCors, putBucketCors } from './cors.ts';
import { createUpload } from './create-upload.ts';
import { deleteObject } from './delete-object.ts';
import { deleteObjects } from './delete-objects.ts';
import { abortUpload, listPartsOfUpload, listUploads } from './end-upload.ts';
import { getObject } from './get-object.ts';
import { deleteLifecycle, getLifecycle, putLifecycle } from './lifecycle.ts';
import { listBuckets } from './list-buckets.ts';
import { listObjectsV1, listObjectsV2 } from './list-objects.ts';
import {
  getLegalHold,
  getLockConfiguration,
  getRetention,
  putLegalHold,
  putLockConfiguration,
  putRetention,
} from './object-lock.ts';
import { deleteBucketPolicy, getBucketPolicy, getBucketPolicyStatus, putBucketPolicy } from './policy.ts';
import { putObject } from './put-object.ts';
import { absent, fixed, notAllowed, notBuilt } from './settings.ts';
import {
  deleteBucketTagging,
  deleteObjectTagging,
  getBucketTagging,
  getObjectTagging,
  putBucketTagging,
  putObjectTagging,
} from './tagging.ts';
import { uploadPart, uploadPartCopy } from './upload-part.ts';
import { getVersioning, listObjectVersions, putVersioning } from './versioning.ts';

/** By method; what is not named is not built. */
type Verbs = Readonly<Record<string, Operation>>;

/** Parameters of the query that name a part of a bucket, each a resource of its own. */
const BUCKET_PARTS: Readonly<Record<string, Verbs>> = {
  location: { GET: getLocation },
  acl: { GET: getBucketAcl, PUT: putBucketAcl },
  cors: { GET: getBucketCors, PUT: putBucketCors, DELETE: deleteBucketCors },
  tagging: { GET: getBucketTagging, PUT: putBucketTagging, DELETE: deleteBucketTagging },
  uploads: { GET: listUploads },
  delete: { POST: deleteObjects },
  versioning: { GET: getVersioning, PUT: putVersioning },
  logging: { GET: fixed('BucketLoggingStatus') },
  notification: { GET: fixed('NotificationConfiguration') },
  requestPayment: { GET: fixed('RequestPaymentConfiguration', ['Payer', 'BucketOwner']) },
  accelerate: { GET: fixed('AccelerateConfiguration') },
  lifecycle: { GET: getLifecycle, PUT: putLifecycle, DELETE: deleteLifecycle },
  policy: { GET: getBucketPolicy, PUT: putBucketPolicy, DELETE: deleteBucketPolicy },
  policyStatus: { GET: getBucketPolicyStatus },
  website: { GET: absent('NoSuchWebsiteConfiguration') },
  replication: { GET: absent('ReplicationConfigurationNotFoundError') },
  encryption: { GET: absent('ServerSideEncryptionConfigurationNotFoundError') },
  'object-lock': { GET: getLockConfiguration, PUT: putLockConfiguration },
  publicAccessBlock: { GET: absent('NoSuchPublicAccessBlockConfiguration') },
  ownershipControls: { GET: absent('OwnershipControlsNotFoundError') },
  versions: { GET: listObjectVersions },
  analytics: {},
  inventory: {},
  metrics: {},
  'intelligent-tiering': {},
  session: {},
  metadataConfiguration: {},
  metadataTable: {},
  metadataInventoryTable: {},
  metadataJournalTable: {},
  abac: {},
};

const OBJECT_PARTS: Readonly<Record<string, Verbs>> = {
  acl: { GET: getObjectAcl, PUT: putObjectAcl },
  tagging: { GET: getObjectTagging, PUT: putObjectTagging, DELETE: deleteObjectTagging },
  uploads: { POST: createUpload },
  retention: { GET: getRetention, PUT: putRetention },
  'legal-hold': { GET: getLegalHold, PUT: putLegalHold },
  torrent: {},
  restore: {},
  select: {},
  attributes: { GET: getAttributes },
  append: {},
  encryption: {},
  renameObject: {},
};

/** What a request asks for. Spec: Amazon S3, "API Reference": operations. */
export function operationOf(request: S3Request): Operation {
  const { method, query } = request;
  const parts = request.bucket === undefined ? {} : request.key === undefined ? BUCKET_PARTS : OBJECT_PARTS;
  for (const [name, verbs] of Object.entries(parts))
    if (query.has(name)) return Object.hasOwn(verbs, method) ? (verbs[method] ?? notBuilt) : notBuilt;
  const verbs = verbsOf(request);
  return Object.hasOwn(verbs, method) ? (verbs[method] ?? notAllowed) : notAllowed;
}

function verbsOf({ bucket, key, query, headers }: S3Request): Verbs {
  if (bucket === undefined) return { GET: listBuckets };
  if (key === undefined)
    return {
      GET: query.get('list-type') === '2' ? listObjectsV2 : listObjectsV1,
      HEAD: headBucket,
      PUT: createBucket,
      DELETE: deleteBucket,
      POST: notBuilt,
    };
  const isCopy = headers['x-amz-copy-source'] !== undefined;
  if (query.has('uploadId'))
    return {
      GET: listPartsOfUpload,
      PUT: isCopy ? uploadPartCopy : uploadPart,
      POST: completeUpload,
      DELETE: abortUpload,
    };
  return {
    GET: getObject,
    HEAD: getObject,
    PUT: isCopy ? copyObject : putObject,
    DELETE: deleteObject,
    POST: notBuilt,
  };
}
