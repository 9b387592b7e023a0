import { ApiError } from '../../../common/errors.ts';
import { locksContainerOf } from '../../features/object-lock.ts';
import { contentOf } from '../../message.ts';
import { readAclOf } from '../acl.ts';
import { s3Error } from '../errors.ts';
import { refuseNotBuilt } from '../headers.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { bucketOf, isNewBucketName, partsContainer } from '../names.ts';
import { ask, askHead, listRows } from '../object-api.ts';
import { isLockable } from '../object-lock.ts';
import { readXmlIfAny } from '../xml/read.ts';
import { element, xmlAnswer } from '../xml/write.ts';
import { makeLockable } from './object-lock.ts';

/** Any region is this one: clients of OpenStack call theirs as they like. */
export const createBucket: Operation = async (request, services) => {
  const bucket = bucketOf(request);
  if (!isNewBucketName(bucket)) throw s3Error('InvalidBucketName', { fields: { BucketName: bucket } });
  refuseNotBuilt(request.headers);
  const isToLock = request.headers['x-amz-bucket-object-lock-enabled']?.toLowerCase() === 'true';
  const readAcl = readAclOf(request.headers['x-amz-acl'] ?? 'private');
  const headers = { 'x-container-read': readAcl, ...(isToLock ? { 'x-versions-enabled': 'true' } : {}) };
  await readXmlIfAny(request.body, 'CreateBucketConfiguration');
  // Who may not make it must not change what is there: a PUT of a container that exists would set its ACL.
  const there = await exists(request, services, bucket);
  if (there) throw s3Error('BucketAlreadyOwnedByYou', { fields: { BucketName: bucket } });
  const { status, body } = await ask(request, services, { method: 'PUT', container: bucket, headers });
  await body?.close();
  if (status === 202) throw s3Error('BucketAlreadyOwnedByYou', { fields: { BucketName: bucket } });
  if (isToLock) await makeLockable(request, services, bucket, {});
  return { status: 200, headers: { location: `/${bucket}` }, body: contentOf('') };
};

async function exists(request: S3Request, services: S3Services, bucket: string): Promise<boolean> {
  try {
    await askHead(request, services, { method: 'HEAD', container: bucket });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

export const headBucket: Operation = async (request, services) => {
  await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  return { status: 200, headers: { 'x-amz-bucket-region': services.region }, body: contentOf('') };
};

/** The bucket first, for it may not be empty; then what uploads that nobody ended have left. */
export const deleteBucket: Operation = async (request, services) => {
  const bucket = bucketOf(request);
  const wasLockable = await isLockable(request, services, bucket);
  try {
    await askHead(request, services, { method: 'DELETE', container: bucket });
  } catch (error) {
    if (error instanceof ApiError && error.status === 409)
      throw s3Error('BucketNotEmpty', { fields: { BucketName: bucket }, cause: error });
    throw error;
  }
  const parts = partsContainer(bucket);
  if (await services.containers.find(request.account, parts)) await removeAll(request, services, parts);
  if (wasLockable) await removeAll(request, services, locksContainerOf(bucket));
  return { status: 204, headers: {} };
};

/** What cannot be removed now stays, and goes with the bucket's next removal. */
async function removeAll(request: S3Request, services: S3Services, container: string): Promise<void> {
  try {
    for (;;) {
      const rows = await listRows(request, services, { limit: '1000' }, container);
      if (rows.length === 0) break;
      for (const { name } of rows)
        if (name !== undefined)
          await askHead(request, services, { method: 'DELETE', container, object: name }).catch(ignoreAbsent);
    }
    await askHead(request, services, { method: 'DELETE', container });
  } catch (error) {
    request.context.log.warn({ err: error, container }, 'the parts of a removed bucket stay');
  }
}

function ignoreAbsent(error: unknown): void {
  if (!(error instanceof ApiError) || error.status !== 404) throw error;
}

export const getLocation: Operation = async (request, services) => {
  await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  const { region } = services;
  const answer = xmlAnswer('LocationConstraint', []);
  // The first region of all has no name here.
  if (region === 'us-east-1') return answer;
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  const text = element('LocationConstraint', region).replace(
    '<LocationConstraint>',
    '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
  );
  return { ...answer, body: contentOf(head + text) };
};
