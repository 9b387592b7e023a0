import { contentOf, type Headers } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { MOST_POLICY_BYTES } from '../limits.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { bucketOf } from '../names.ts';
import { askHead, swiftRequest } from '../object-api.ts';
import { readBody } from '../payload/read-body.ts';
import { aclsOfPolicy } from '../policy/acls-of-policy.ts';
import { readJson } from '../policy/read-json.ts';
import { readPolicy } from '../policy/read-policy.ts';
import { ownAcls, policyHeaders, policyInForce, type StoredPolicy } from '../policy/stored-policy.ts';
import { element, xmlAnswer } from '../xml/write.ts';

/** Spec: Amazon S3, PutBucketPolicy. */
export const putBucketPolicy: Operation = async (request, services) => {
  const container = bucketOf(request);
  const bytes = await readBody(request.body, MOST_POLICY_BYTES);
  const headers = await ownerHead(request, services, container);
  const granted = aclsOfPolicy(readPolicy(readJson(bytes), container));
  const set = policyHeaders(headers, { document: bytes.toString('utf8'), granted }, ownAcls(headers));
  await askHead(request, services, { method: 'POST', container, headers: set });
  return { status: 204, headers: {} };
};

export const getBucketPolicy: Operation = async (request, services) => {
  const { document } = await requirePolicy(request, services);
  return { status: 200, headers: { 'content-type': 'application/json' }, body: contentOf(document) };
};

/** Spec: Amazon S3, GetBucketPolicyStatus; "Blocking public access": the meaning of "public". */
export const getBucketPolicyStatus: Operation = async (request, services) => {
  const { granted } = await requirePolicy(request, services);
  const isPublic = granted.read.split(',').includes('.r:*');
  return xmlAnswer('PolicyStatus', [element('IsPublic', String(isPublic))]);
};

export const deleteBucketPolicy: Operation = async (request, services) => {
  const container = bucketOf(request);
  const headers = await ownerHead(request, services, container);
  const set = policyHeaders(headers, undefined, ownAcls(headers));
  await askHead(request, services, { method: 'POST', container, headers: set });
  return { status: 204, headers: {} };
};

/** @throws ApiError `NoSuchBucketPolicy`. */
async function requirePolicy(request: S3Request, services: S3Services): Promise<StoredPolicy> {
  const policy = policyInForce(await ownerHead(request, services, bucketOf(request)));
  if (!policy) throw s3Error('NoSuchBucketPolicy');
  return policy;
}

/** ACLs are seen and set by the container's owners. @throws ApiError `AccessDenied`, `NoSuchBucket`. */
async function ownerHead(request: S3Request, services: S3Services, container: string): Promise<Headers> {
  if (!(await services.isOwner(swiftRequest(request)))) throw s3Error('AccessDenied');
  return askHead(request, services, { method: 'HEAD', container });
}
