import { posix } from 'node:path';
import { httpDateOf } from '../../common/timestamp.ts';
import { putObject as storeObject } from '../actions/put-object.ts';
import { isRefusal, plainRefusal, refusal } from '../errors.ts';
import { MOST_OBJECT_NAME_BYTES } from '../limits.ts';
import { type Headers, isTrue } from '../message.ts';
import { guessContentType } from './content-types.ts';
import { checkMetadata } from './metadata.ts';
import { openContainer } from './object-access.ts';
import { changeableMetadata, fixedMetadata, parseDeleteAt } from './object-headers.ts';
import type { Route } from './route.ts';

export const putObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const { headers, body } = request;
    const ifNoneMatch = headers['if-none-match'];
    if (ifNoneMatch !== undefined && !ifNoneMatch.includes('*'))
      throw plainRefusal(400, 'If-None-Match only supports *');
    const name = await openContainer(request, services, grant, 'x-container-write');
    if (!name) throw refusal(404);
    checkLength(headers, body.sizeBytes, services.maxFileBytes);
    checkName(name.object);
    const contentType = contentTypeOf(headers, name.object);
    const deleteAt = parseDeleteAt(headers, services.cluster.clock);
    checkMetadata(headers, 'object');
    const stored = await storeObject(services.cluster, {
      name,
      contentType,
      fixedMetadata: fixedMetadata(headers),
      metadata: changeableMetadata(headers, deleteAt),
      onlyIfAbsent: ifNoneMatch !== undefined,
      body,
      expectedEtag: expectedEtagOf(headers),
      mostBytes: services.maxFileBytes,
    }).catch((error: unknown) => {
      // Swift's word for a write that is older than what is there, and so is already overwritten.
      if (isRefusal(error, 'OlderVersion')) throw refusal(409, { cause: error });
      throw error;
    });
    return { status: 201, headers: { etag: stored.etag, 'last-modified': httpDateOf(stored.timestamp) } };
  },
};

function checkLength(headers: Headers, sizeBytes: number | undefined, mostBytes: number): void {
  if (sizeBytes === undefined && headers['transfer-encoding']?.toLowerCase() !== 'chunked')
    throw plainRefusal(411, 'Missing Content-Length header.');
  if (sizeBytes !== undefined && sizeBytes > mostBytes) throw plainRefusal(413, 'Your request is too large.');
}

function checkName(object: string): void {
  const length = Buffer.byteLength(object);
  if (length > MOST_OBJECT_NAME_BYTES)
    throw plainRefusal(400, `Object name length of ${length} longer than ${MOST_OBJECT_NAME_BYTES}`);
}

function contentTypeOf(headers: Headers, object: string): string {
  const sent = headers['content-type'];
  if (sent && !isTrue(headers['x-detect-content-type'])) {
    if (sent.includes('\uFFFD')) throw plainRefusal(400, 'Invalid Content-Type');
    return sent;
  }
  return guessContentType(posix.extname(object));
}

function expectedEtagOf(headers: Headers): string | undefined {
  const etag = headers['etag']
    ?.trim()
    .replace(/^"(.*)"$/, '$1')
    .toLowerCase();
  return etag ? etag : undefined;
}
