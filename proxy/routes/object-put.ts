import type { Clock } from '../../common/clock.ts';
import { httpDateOf } from '../../common/timestamp.ts';
import { expiring } from '../actions/note-expiry.ts';
import { isRefusal, plainRefusal, refusal } from '../errors.ts';
import { MOST_OBJECT_NAME_BYTES } from '../limits.ts';
import { type Headers, isTrue } from '../message.ts';
import { guessContentType } from './content-types.ts';
import { checkMetadata } from './metadata.ts';
import { openContainer } from './object-access.ts';
import { changeableMetadata, fixedMetadata, parseDeleteAt } from './object-headers.ts';
import { clientNameOf } from './reserved-names.ts';
import type { Route } from './route.ts';
import { SYNC_TIMESTAMP } from './sync-timestamp.ts';

/** Of a feature's PUT: a timestamp; what was written or deleted since stays. */
export const UNCHANGED_SINCE_HEADER = 'x-backend-unchanged-since';

export const putObject: Route = {
  asksAcl: true,
  async handle(request, services, grant) {
    const { headers, body } = request;
    const ifNoneMatch = headers['if-none-match'];
    if (ifNoneMatch !== undefined && !ifNoneMatch.includes('*'))
      throw plainRefusal(400, 'If-None-Match only supports *');
    const name = await openContainer(request, services, grant, 'writeAcl');
    if (!name) throw refusal(404);
    checkLength(headers, body.sizeBytes, services.maxFileBytes);
    const { [SYNC_TIMESTAMP]: given, [UNCHANGED_SINCE_HEADER]: onlyIfUnchangedSince } = headers;
    const isConditional = ifNoneMatch !== undefined || onlyIfUnchangedSince !== undefined;
    const fields = newObjectFields(headers, clientNameOf(name), services.cluster.clock, request.isOwn);
    const stored = await expiring(services.cluster, name, fields.metadata['x-delete-at'], () =>
      services.objects.put({
        name,
        ...fields,
        fixedMetadata: fixedMetadata(headers),
        onlyIfAbsent: ifNoneMatch !== undefined,
        onlyIfUnchangedSince,
        inTurn: isConditional && !request.isOwn,
        body,
        mostBytes: services.maxFileBytes,
        ...(given === undefined ? {} : { timestamp: given }),
      }),
    ).catch((error: unknown) => {
      // Another cluster's version that is no news: it need not come again.
      if (given !== undefined && isRefusal(error, 'OlderVersion')) return undefined;
      // Swift's word for a write that is older than what is there, and so is already overwritten.
      if (isRefusal(error, 'OlderVersion')) throw refusal(409, { cause: error });
      throw error;
    });
    if (!stored) return { status: 202, headers: {} };
    return { status: 201, headers: { etag: stored.etag, 'last-modified': httpDateOf(stored.timestamp) } };
  },
};

/** What a client's headers say of the object that it stores. */
export interface NewObjectFields {
  contentType: string;
  /** Replaced by a POST. */
  metadata: Record<string, string>;
  /** MD5 that the body shall have, lower case hex. */
  expectedEtag: string | undefined;
}

/**
 * @param object the name that the client gave it.
 * @param isOwn of a feature, which may note what it is in the content type's parameters.
 * @throws ApiError 400.
 */
export function newObjectFields(headers: Headers, object: string, clock: Clock, isOwn = false): NewObjectFields {
  checkName(object);
  const contentType = contentTypeOf(headers, object, isOwn);
  const deleteAt = parseDeleteAt(headers, clock);
  checkMetadata(headers, 'object');
  return { contentType, metadata: changeableMetadata(headers, deleteAt), expectedEtag: expectedEtagOf(headers) };
}

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

function contentTypeOf(headers: Headers, object: string, isOwn: boolean): string {
  const sent = headers['content-type'];
  if (sent && !isTrue(headers['x-detect-content-type'])) {
    if (sent.includes('\uFFFD')) throw plainRefusal(400, 'Invalid Content-Type');
    if (!isOwn && /;\s*swift_/i.test(sent))
      throw refusal(400, { body: 'Invalid Content-Type, swift_* is not a valid parameter name.' });
    return sent;
  }
  return guessContentType(object);
}

/** MD5 that a client says the body has, lower case hex. */
export function expectedEtagOf(headers: Headers): string | undefined {
  const etag = headers['etag']
    ?.trim()
    .replace(/^"(.*)"$/, '$1')
    .toLowerCase();
  return etag ? etag : undefined;
}
