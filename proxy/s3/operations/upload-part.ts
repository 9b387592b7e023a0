import { contentOf } from '../../message.ts';
import { askCopy, copySourceOf } from '../copy-source.ts';
import { s3Error } from '../errors.ts';
import { etagOf, refuseNotBuilt } from '../headers.ts';
import type { Operation } from '../message.ts';
import { partsContainer } from '../names.ts';
import { ask } from '../object-api.ts';
import { isoTimeOfHttp } from '../times.ts';
import { findUpload, partNumberOf, partObject, uploadOfRequest } from '../uploads.ts';
import { versionQuery } from '../versions.ts';
import { element, xmlAnswer } from '../xml/write.ts';
import { uploadOf } from './put-object.ts';

/** Spec: Amazon S3, UploadPart. */
export const uploadPart: Operation = async (request, services) => {
  const upload = uploadOfRequest(request);
  const number = partNumberOf(request);
  refuseNotBuilt(request.headers);
  const part = uploadOf(request.body, request.headers);
  await findUpload(request, services, upload);
  const answer = await ask(request, services, {
    method: 'PUT',
    container: partsContainer(upload.bucket),
    object: partObject(upload, number),
    headers: { ...part.headers, 'content-type': 'application/octet-stream' },
    body: part.body,
  });
  await answer.body?.close();
  return { status: 200, headers: { etag: etagOf(answer.headers), ...part.shown() }, body: contentOf('') };
};

/** Spec: Amazon S3, UploadPartCopy. */
export const uploadPartCopy: Operation = async (request, services) => {
  const upload = uploadOfRequest(request);
  const number = partNumberOf(request);
  const source = copySourceOf(request);
  refuseNotBuilt(request.headers);
  await findUpload(request, services, upload);
  const range = request.headers['x-amz-copy-source-range'];
  if (range !== undefined) {
    const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(range) ?? [];
    const invalid = { fields: { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: range } };
    if (first === undefined || last === undefined || Number(last) < Number(first))
      throw s3Error('InvalidArgument', invalid);
    const what = { method: 'HEAD', container: source.bucket, object: source.key, query: versionQuery(source.version) };
    const answer = await ask(request, services, what);
    await answer.body?.close();
    if (Number(last) >= (answer.body?.sizeBytes ?? 0)) throw s3Error('InvalidArgument', invalid);
  }
  const headers = await askCopy(request, services, source, {
    container: partsContainer(upload.bucket),
    object: partObject(upload, number),
    headers: {
      'x-fresh-metadata': 'true',
      'content-type': 'application/octet-stream',
      ...(range === undefined ? {} : { range }),
    },
  });
  return xmlAnswer('CopyPartResult', [
    element('LastModified', isoTimeOfHttp(headers['last-modified'])),
    element('ETag', etagOf(headers)),
  ]);
};
