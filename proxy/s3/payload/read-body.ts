import { collect, type RequestBody } from '../../message.ts';
import { s3Error } from '../errors.ts';

/** A body as a whole. @throws ApiError `MaxMessageLengthExceeded`, `IncompleteBody`. */
export async function readBody(body: RequestBody, mostBytes: number): Promise<Buffer> {
  if ((body.sizeBytes ?? 0) > mostBytes) throw s3Error('MaxMessageLengthExceeded');
  const bytes = await collect(body.chunks(), mostBytes);
  if (!bytes) throw s3Error('MaxMessageLengthExceeded');
  if (body.sizeBytes !== undefined && bytes.length !== body.sizeBytes) throw s3Error('IncompleteBody');
  return bytes;
}
