import { ApiError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import type { Feature, ProxyRequest } from '../message.ts';
import { archiveKindOf } from './archive-decoding.ts';
import { extractArchive } from './archive-extraction.ts';
import { ArchiveTally } from './archive-tally.ts';
import { renderReport, reportType } from './bulk-report.ts';
import { withHeartbeat, XML_DECLARATION } from './heartbeat.ts';

/**
 * `PUT ?extract-archive=tar`, `tar.gz` or `tar.bz2`: each file of the archive becomes an object. The status of the answer is 200
 * whatever happens, the real one is in its body.
 *
 * Spec: Swift, "Bulk Operations": Extract Archive.
 */
export function archiveUpload(mostBytes: number): Feature {
  return (next) => async (request) => {
    const format = request.query.get('extract-archive');
    if (format === undefined || request.method !== 'PUT') return next(request);
    const kind = archiveKindOf(format);
    if (!kind) throw refusal(400, { body: 'Unsupported archive format' });
    const accepted = reportType(request.headers['accept']);
    const contentType = accepted ?? 'text/plain';
    // Asked for before the answer begins: a client may wait for `100 Continue`.
    const chunks = accepted === undefined ? refused(refusal(406, { body: '' })) : await begun(request);
    const tally = new ArchiveTally();
    const work = async () => {
      try {
        await extractArchive({ request, kind, chunks, next, mostBytes, tally });
      } catch (error) {
        tally.stop(refusalOf(error, request));
      }
      return renderReport(contentType, tally.report(), 'extract');
    };
    return {
      status: 200,
      headers: { 'content-type': contentType },
      body: withHeartbeat(work, contentType.endsWith('/xml') ? { first: XML_DECLARATION } : {}),
    };
  };
}

/** The body, its first chunk asked for. What goes wrong with that is said where the rest is read. */
async function begun({ body, headers }: ProxyRequest): Promise<AsyncIterable<Uint8Array>> {
  if (body.sizeBytes === undefined && headers['transfer-encoding'] === undefined)
    return refused(refusal(411, { body: '' }));
  const iterator = body.chunks()[Symbol.asyncIterator]();
  const first = iterator.next();
  await first.catch(() => undefined);
  return rest(first, iterator);
}

/** Copies: a chunk's memory is gone when the next one is asked for, and a decoder may still hold it. */
async function* rest(
  first: Promise<IteratorResult<Uint8Array>>,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (let result = await first; !result.done; result = await iterator.next()) yield Uint8Array.from(result.value);
}

// biome-ignore lint/correctness/useYield: it gives what it stands for: nothing but an error.
async function* refused(error: Error): AsyncGenerator<Uint8Array> {
  throw error;
}

function refusalOf(error: unknown, request: ProxyRequest): ApiError {
  if (error instanceof ApiError) return error;
  request.context.log.error({ err: error }, 'an archive could not be extracted');
  return refusal(500, { body: '' });
}
