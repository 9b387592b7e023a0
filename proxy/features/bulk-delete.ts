import { refusal } from '../errors.ts';
import { MOST_BULK_DELETES, MOST_CONTAINER_NAME_BYTES, MOST_OBJECT_NAME_BYTES } from '../limits.ts';
import { collect, type Feature, type ProxyRequest } from '../message.ts';
import { decode } from '../routes/path.ts';
import { bulkDeletion, type Doomed } from './bulk-deletion.ts';
import { reportType } from './bulk-report.ts';

/** Every byte of a name may be percent-encoded. */
const MOST_LINE_BYTES = 3 * (MOST_CONTAINER_NAME_BYTES + MOST_OBJECT_NAME_BYTES + 2);

/**
 * `POST` (or `DELETE`) with `?bulk-delete`: a list of names, one on a line.
 *
 * Spec: Swift, "Bulk Operations": Bulk Delete.
 */
export const bulkDelete: Feature = (next) => async (request) => {
  const isDelete = request.method === 'POST' || request.method === 'DELETE';
  if (!isDelete || !request.query.has('bulk-delete')) return next(request);
  const contentType = reportType(request.headers['accept']);
  if (contentType !== undefined) {
    // Read before the answer begins: a client may wait for `100 Continue`.
    const names = readNames(request);
    await names.catch(() => undefined);
    return bulkDeletion(request, contentType, next, () => names);
  }
  // Said in the one form that is left.
  return bulkDeletion(request, 'text/plain', next, async () => {
    throw refusal(406, { body: '' });
  });
};

/** @throws ApiError 406, 411, 413. */
async function readNames(request: ProxyRequest): Promise<Doomed[]> {
  const sent = request.headers['content-type'];
  if (sent && !sent.startsWith('text/plain')) throw refusal(406);
  if (request.body.sizeBytes === undefined && request.headers['transfer-encoding'] === undefined) throw refusal(411);
  const body = await collect(request.body.chunks(), MOST_BULK_DELETES * MOST_LINE_BYTES);
  const lines = body
    ?.toString('latin1')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (!lines || lines.length > MOST_BULK_DELETES)
    throw refusal(413, { body: `Maximum Bulk Deletes: ${MOST_BULK_DELETES} per request` });
  return lines.map((line) => {
    if (line.length > MOST_LINE_BYTES) throw refusal(400, { body: 'Invalid File Name' });
    const name = decode(line);
    return name === undefined
      ? { name: line, error: { status: 412, message: '412 Precondition Failed', shownAs: line } }
      : { name };
  });
}
