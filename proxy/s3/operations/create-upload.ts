import { LOCK } from '../../features/object-lock.ts';
import { MOST_OBJECT_NAME_BYTES } from '../../limits.ts';
import { bodyOf } from '../../message.ts';
import { checkObjectAcl } from '../acl.ts';
import { crcKindOf } from '../checksums/algorithms.ts';
import { s3Error } from '../errors.ts';
import { askedAlgorithm, storedHeaders } from '../headers.ts';
import { MOST_PART_NUMBER } from '../limits.ts';
import type { Operation } from '../message.ts';
import { objectOf, partsContainer } from '../names.ts';
import { askHead } from '../object-api.ts';
import { lockHeaders } from '../object-lock.ts';
import { newUploadId, partObject, UPLOAD_ALGORITHM, UPLOAD_CHECKSUM_TYPE, uploadObject } from '../uploads.ts';
import { element, xmlAnswer } from '../xml/write.ts';
import { lockParts } from './object-lock.ts';
import { taggingOf } from './put-object.ts';

/** Spec: Amazon S3, CreateMultipartUpload. */
export const createUpload: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const { headers } = request;
  // The parts have longer names than the object.
  if (
    Buffer.byteLength(partObject({ bucket, key, uploadId: newUploadId() }, MOST_PART_NUMBER)) > MOST_OBJECT_NAME_BYTES
  )
    throw s3Error('KeyTooLongError');
  const algorithm = askedAlgorithm(headers['x-amz-checksum-algorithm']);
  const fallback = algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
  const type = headers['x-amz-checksum-type'] ?? fallback;
  const isPossible =
    algorithm !== undefined && type === 'FULL_OBJECT' ? crcKindOf(algorithm) !== undefined : algorithm !== 'CRC64NVME';
  if (!/^(FULL_OBJECT|COMPOSITE)$/.test(type) || (algorithm !== undefined && !isPossible))
    throw s3Error('InvalidRequest', {
      message: `The ${type} checksum type cannot be used with the ${algorithm ?? ''} checksum algorithm.`,
    });
  await checkObjectAcl(request, services, { bucket, canned: headers['x-amz-acl'] });
  const lock = await lockHeaders(request, services, bucket);
  const stored = { ...storedHeaders(request), ...taggingOf(headers), ...lock };
  if (LOCK in lock) await lockParts(request, services, bucket);
  // The bucket's policy is its parts' too: the copy of a container that is not there yet takes the bucket's.
  const { 'x-storage-policy': policy } = await askHead(request, services, { method: 'HEAD', container: bucket });
  const container = partsContainer(bucket);
  if (!(await services.containers.find(request.account, container)))
    await askHead(request, services, {
      method: 'PUT',
      container,
      headers: policy === undefined ? {} : { 'x-storage-policy': policy },
    });
  const uploadId = newUploadId();
  await askHead(request, services, {
    method: 'PUT',
    container,
    object: uploadObject({ bucket, key, uploadId }),
    headers: {
      ...stored,
      'content-length': '0',
      ...(algorithm === undefined ? {} : { [UPLOAD_ALGORITHM]: algorithm, [UPLOAD_CHECKSUM_TYPE]: type }),
    },
    body: bodyOf(new Uint8Array(0)),
  });
  const answer = xmlAnswer('InitiateMultipartUploadResult', [
    element('Bucket', bucket),
    element('Key', key),
    element('UploadId', uploadId),
  ]);
  if (algorithm === undefined) return answer;
  const told = { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type };
  return { ...answer, headers: { ...answer.headers, ...told } };
};
