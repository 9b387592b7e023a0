import { createHash } from 'node:crypto';
import { ApiError } from '../../common/errors.ts';
import { LISTED_AS } from '../../object-server/contract.ts';
import { plainRefusal, reasonOf, refusal, renderedRefusal, statusLineOf } from '../errors.ts';
import { MOST_MANIFEST_BYTES, MOST_MANIFEST_SEGMENTS, MOST_UPLOAD_PARTS, SUBREQUEST_CONCURRENCY } from '../limits.ts';
import {
  bodyOf,
  collect,
  contentOf,
  type Handler,
  isTrue,
  objectPathOf,
  type ProxyRequest,
  type ProxyResponse,
  subrequest,
} from '../message.ts';
import { encodePath } from '../routes/path.ts';
import { type BulkReport, renderReport, reportType } from './bulk-report.ts';
import { concurrently } from './concurrently.ts';
import { withHeartbeat } from './heartbeat.ts';
import { satisfiableRanges } from './ranges.ts';
import {
  manifestEtag,
  parseManifest,
  parseStoredManifest,
  type SentSegment,
  type StoredSegment,
  segmentLength,
} from './slo-manifest.ts';

type Problem = readonly [name: string, what: string];
type ObjectSegment = Exclude<SentSegment, { data: Buffer }>;

/** Where a manifest keeps what the whole is, beside its own ETag and length. */
export const SLO_ETAG_HEADER = 'x-object-sysmeta-slo-etag';
export const SLO_SIZE_HEADER = 'x-object-sysmeta-slo-size';
/** And what S3 clients see as its ETag, where one of them uploaded it in parts: `md5-parts`. */
export const S3_ETAG_HEADER = 'x-object-sysmeta-s3-etag';

/**
 * `PUT ?multipart-manifest=put`: asks each segment with a HEAD whether it is what the client says, and stores the manifest
 * with what they answered.
 *
 * @param whole answers a HEAD of a segment that may itself be a large object; `next` stores the manifest.
 * @throws ApiError 400, 405, 411, 413, 422.
 */
export async function putManifest(request: ProxyRequest, next: Handler, whole: Handler): Promise<ProxyResponse> {
  if (request.headers['x-copy-from']) throw refusal(405, { body: 'Multipart Manifest PUTs cannot be COPY requests' });
  const path = objectPathOf(request.path);
  if (!path) return next(request);
  const sent = parseManifest(await readManifest(request), `/${path.container}/${path.object}`);
  const objects = sent.filter((segment): segment is ObjectSegment => 'path' in segment);
  const mostSegments = request.headers[S3_ETAG_HEADER] === undefined ? MOST_MANIFEST_SEGMENTS : MOST_UPLOAD_PARTS;
  if (objects.length > mostSegments)
    throw refusal(413, { body: `Number of object-backed segments must be <= ${mostSegments}` });
  const work = () => verifyAndStore(request, sent, next, whole);
  if (isTrue(request.query.get('heartbeat'))) return answerWithHeartbeat(request, work);
  const outcome = await work();
  return 'status' in outcome ? outcome : problemReport(request, outcome.problems);
}

interface Refused {
  problems: readonly Problem[];
}

async function verifyAndStore(
  request: ProxyRequest,
  sent: readonly SentSegment[],
  next: Handler,
  whole: Handler,
): Promise<ProxyResponse | Refused> {
  const objects = sent.filter((segment): segment is ObjectSegment => 'path' in segment);
  const heads = await headSegments(request, objects, whole);
  const problems: Problem[] = [];
  const stored = sent.flatMap((segment, index) => {
    if ('data' in segment) return [{ data: segment.data.toString('base64') }];
    const verified = verify(segment, heads.get(segment.path), index === sent.length - 1, problems);
    return verified ? [verified] : [];
  });
  if (problems.length > 0) return { problems };
  return store(request, stored, next);
}

/** `heartbeat=on`: 202 at once, blanks while segments are verified, and what has become of it in the body. */
function answerWithHeartbeat(request: ProxyRequest, work: () => Promise<ProxyResponse | Refused>): ProxyResponse {
  const contentType = reportType(request.headers['accept']) ?? 'text/plain';
  const report = async () => renderReport(contentType, await outcomeOf(request, work), 'upload');
  return {
    status: 202,
    headers: { 'content-type': contentType },
    body: withHeartbeat(report, { isImmediate: true }),
  };
}

async function outcomeOf(request: ProxyRequest, work: () => Promise<ProxyResponse | Refused>): Promise<BulkReport> {
  const refused = (error: ApiError, errors: readonly Problem[] = []): BulkReport => {
    // What is wrong with the manifest is said in words, what the store says as it says it.
    const isOurs = error.status === 400 || error.status === 422;
    const text = isOurs ? `${reasonOf(error.status)}\n${error.message}` : renderedRefusal(error).body;
    return { fields: { 'Response Status': statusLineOf(error.status), 'Response Body': text }, errors };
  };
  try {
    const outcome = await work();
    if ('problems' in outcome) return refused(refusal(400), outcome.problems);
    const { etag = '', 'last-modified': lastModified = '' } = outcome.headers;
    const fields = { Etag: etag, 'Last Modified': lastModified, 'Response Body': '' };
    return { fields: { 'Response Status': statusLineOf(outcome.status), ...fields }, errors: [] };
  } catch (error) {
    if (error instanceof ApiError) return refused(error);
    request.context.log.error({ err: error }, 'a manifest could not be stored');
    return refused(refusal(500));
  }
}

/** @throws ApiError 411, 413. */
async function readManifest(request: ProxyRequest): Promise<string> {
  const tooLarge = `Manifest File > ${MOST_MANIFEST_BYTES} bytes`;
  if (request.body.sizeBytes === undefined && request.headers['transfer-encoding'] === undefined) throw refusal(411);
  if ((request.body.sizeBytes ?? 0) > MOST_MANIFEST_BYTES) throw refusal(413, { body: tooLarge });
  const body = await collect(request.body.chunks(), MOST_MANIFEST_BYTES);
  if (!body) throw refusal(413, { body: tooLarge });
  if (request.body.sizeBytes !== undefined && body.length !== request.body.sizeBytes) throw refusal(499);
  return body.toString();
}

/** What a HEAD of each segment answered: the response, or the status that refused it. */
async function headSegments(
  request: ProxyRequest,
  segments: readonly ObjectSegment[],
  whole: Handler,
): Promise<Map<string, ProxyResponse>> {
  const paths = [...new Set(segments.map(({ path }) => path))];
  const answers = await concurrently(paths, SUBREQUEST_CONCURRENCY, async (text) => {
    const [container = '', ...rest] = text.replace(/^\/+/, '').split('/');
    const path = { account: request.path.account, container, object: rest.join('/') };
    try {
      const response = await whole(subrequest(request, { method: 'HEAD', path }));
      await response.body?.close();
      return [text, response] as const;
    } catch (error) {
      if (error instanceof ApiError) return [text, { status: error.status, headers: {} }] as const;
      throw error;
    }
  });
  return new Map(answers);
}

/** The segment as it is stored; what is wrong with it goes to `problems`. */
function verify(
  segment: ObjectSegment,
  head: ProxyResponse | undefined,
  isLast: boolean,
  problems: Problem[],
): StoredSegment | undefined {
  const complain = (what: string) => problems.push([encodePath(segment.path), what]);
  const bytes = head?.body?.sizeBytes;
  if (head?.status !== 200 || bytes === undefined) {
    complain(statusLineOf(head?.status ?? 404));
    return undefined;
  }
  const hash = (head.headers['etag'] ?? '').replaceAll('"', '');
  const stored: StoredSegment = {
    name: `/${segment.path.replace(/^\/+/, '')}`,
    bytes,
    hash,
    content_type: head.headers['content-type'] ?? '',
    last_modified: new Date(head.headers['last-modified'] ?? 0).toISOString().replace('Z', '000'),
  };
  if (segment.range) {
    const [range] = satisfiableRanges([segment.range], bytes);
    if (!range) complain('Unsatisfiable Range');
    else if (range.start > 0 || range.end < bytes) stored.range = `${range.start}-${range.end - 1}`;
  }
  if (head.headers['x-static-large-object']) stored.sub_slo = true;
  if (segmentLength(stored) < 1 && !isLast) complain('Too small; each segment must be at least 1 byte.');
  if (segment.sizeBytes !== undefined && segment.sizeBytes !== bytes) complain('Size Mismatch');
  if (segment.etag !== undefined && segment.etag !== hash) complain('Etag Mismatch');
  return stored;
}

function problemReport(request: ProxyRequest, problems: readonly Problem[]): ProxyResponse {
  const contentType = reportType(request.headers['accept']) ?? 'text/plain';
  const body = renderReport(contentType, { fields: {}, errors: problems }, 'upload');
  return { status: 400, headers: { 'content-type': contentType }, body: contentOf(body) };
}

/**
 * A manifest as another cluster stores it: its segments may come later, so nobody asks for them.
 *
 * @throws ApiError 400 for what is no stored manifest, 411, 413.
 */
export async function putSyncedManifest(request: ProxyRequest, next: Handler): Promise<ProxyResponse> {
  if (request.body.sizeBytes === undefined && request.headers['transfer-encoding'] === undefined) throw refusal(411);
  const body = await collect(request.body.chunks(), 2 * MOST_MANIFEST_BYTES);
  if (!body) throw refusal(413);
  if (request.body.sizeBytes !== undefined && body.length !== request.body.sizeBytes) throw refusal(499);
  const segments = parseStoredManifest(body.toString());
  if (!segments) throw plainRefusal(400, 'This is no manifest of a static large object.');
  return storeManifest({ ...request, query: new Map() }, body, segments, next);
}

async function store(request: ProxyRequest, segments: readonly StoredSegment[], next: Handler): Promise<ProxyResponse> {
  const etag = manifestEtag(segments);
  const claimed = request.headers['etag']?.replaceAll('"', '');
  if (claimed && claimed !== etag) throw refusal(422);
  const body = Buffer.from(JSON.stringify(segments));
  if (body.length > 2 * MOST_MANIFEST_BYTES) throw plainRefusal(413, `Manifest File > ${MOST_MANIFEST_BYTES} bytes`);
  const query = new Map(request.query);
  query.delete('multipart-manifest');
  const headers = { ...request.headers, etag: createHash('md5').update(body).digest('hex') };
  const response = await storeManifest({ ...request, query, headers }, body, segments, next);
  return { ...response, headers: { ...response.headers, etag: `"${etag}"` } };
}

/** @param body of the manifest as it is stored. */
function storeManifest(
  request: ProxyRequest,
  body: Buffer,
  segments: readonly StoredSegment[],
  next: Handler,
): Promise<ProxyResponse> {
  const etag = manifestEtag(segments);
  const sizeBytes = segments.reduce((sum, segment) => sum + segmentLength(segment), 0);
  const bodyEtag = createHash('md5').update(body).digest('hex');
  const s3Etag = request.headers[S3_ETAG_HEADER];
  return next({
    ...request,
    body: bodyOf(body),
    headers: {
      ...request.headers,
      'content-length': String(body.length),
      'x-static-large-object': 'True',
      [SLO_ETAG_HEADER]: etag,
      [SLO_SIZE_HEADER]: String(sizeBytes),
      // The listing shows the whole, not its manifest; what is counted is the manifest: the segments are counted where they are.
      [LISTED_AS.etag]: `${bodyEtag}${s3Etag === undefined ? '' : `; s3_etag=${s3Etag}`}; slo_etag=${etag}; slo_size=${sizeBytes}`,
    },
  });
}
