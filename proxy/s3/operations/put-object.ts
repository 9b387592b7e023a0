import { contentOf, type Headers, type RequestBody } from '../../message.ts';
import { checkObjectAcl } from '../acl.ts';
import type { Algorithm } from '../checksums/algorithms.ts';
import { writeConditions } from '../conditions.ts';
import { s3Error } from '../errors.ts';
import { checksumHeaders, etagOf, etagOfContentMd5, storedChecksum, storedHeaders, TAGS } from '../headers.ts';
import { expirationHeader } from '../lifecycle/due.ts';
import { MOST_OBJECT_TAGS } from '../limits.ts';
import type { Operation, S3Request } from '../message.ts';
import { objectOf } from '../names.ts';
import { ask } from '../object-api.ts';
import { lockHeaders } from '../object-lock.ts';
import { withRemovalOfParts } from '../parts.ts';
import type { Payload } from '../payload/payload.ts';
import { storedTags, tagsOfHeader } from '../tags.ts';
import { versionHeaders } from '../versions.ts';

/** Spec: Amazon S3, PutObject. */
export const putObject: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const { headers, body } = request;
  const upload = uploadOf(body, headers);
  await checkObjectAcl(request, services, { bucket, canned: headers['x-amz-acl'] });
  const stored = { ...storedHeaders(request), ...taggingOf(headers), ...upload.headers };
  Object.assign(stored, await lockHeaders(request, services, bucket));
  Object.assign(stored, await writeConditions(request, services, { bucket, key }));
  return withRemovalOfParts(request, services, { bucket, key }, async () => {
    const answer = await ask(request, services, {
      method: 'PUT',
      container: bucket,
      object: key,
      headers: stored,
      body: upload.body,
    });
    await answer.body?.close();
    const written = { key, sizeBytes: body.sizeBytes, modifiedMs: services.clock.nowMs() };
    const told = {
      etag: etagOf(answer.headers),
      ...versionHeaders(answer.headers),
      ...upload.shown(),
      ...(await expirationHeader(services, { account: request.account, container: bucket }, written)),
    };
    return { status: 200, headers: told, body: contentOf('') };
  });
};

export interface Upload {
  /** For the object API: length, MD5, and the checksum where it is known before the body. */
  headers: Headers;
  body: RequestBody;
  /** The checksum, for the answer. */
  shown(): Headers;
}

/** The body of an object or of a part of one. @throws ApiError `MissingContentLength`, `InvalidDigest`. */
export function uploadOf(body: S3Request['body'], headers: Headers): Upload {
  if (body.sizeBytes === undefined && headers['transfer-encoding'] === undefined) throw s3Error('MissingContentLength');
  const { checksum } = body as Payload;
  const md5 = etagOfContentMd5(headers['content-md5']);
  const kept = (algorithm: Algorithm, value: string) => storedChecksum(algorithm, value);
  return {
    headers: {
      ...(body.sizeBytes === undefined
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': String(body.sizeBytes) }),
      ...(md5 === undefined ? {} : { etag: md5 }),
    },
    // A trailing checksum is known when the body has been read, and proved then: both kinds are stored with the commit.
    body: {
      sizeBytes: body.sizeBytes,
      chunks: () => body.chunks(),
      ...(checksum === undefined ? {} : { footer: () => kept(checksum.algorithm, checksum.value()) }),
    },
    shown: () => (checksum === undefined ? {} : checksumHeaders(kept(checksum.algorithm, checksum.value()))),
  };
}

/** @throws ApiError `InvalidTag`. */
export function taggingOf(headers: Headers): Headers {
  const text = headers['x-amz-tagging'];
  if (text === undefined || text === '') return {};
  return { [TAGS]: storedTags(tagsOfHeader(text, MOST_OBJECT_TAGS)) };
}
