import { createHash } from 'node:crypto';
import type { Identity } from '../../auth/guard/contract.ts';
import { ApiError, InvariantError } from '../../common/errors.ts';
import type { ImageContext } from '../context.ts';
import { storeUnavailable } from '../errors.ts';
import type { ImageData, ImageRecord } from '../records/image-record.ts';
import type { ByteSpan } from '../stores/contract.ts';
import { requireAllowed, targetOf } from './access.ts';

/** An image whose data may be read by the caller; `data` is null while there is none. @throws ApiError 403, 404. */
export async function openImage(
  context: ImageContext,
  identity: Identity,
  id: string,
): Promise<{ image: ImageRecord; data: ImageData | null }> {
  const image = await requireAllowed(context, identity, id, 'download_image');
  if (image.status === 'deactivated')
    context.policy.authorize('download_deactivated', identity, targetOf(image, identity));
  return { image, data: image.data };
}

/**
 * Opens an image's bytes; the first copy that answers serves.
 *
 * @returns the bytes of the span. When it is the whole image, the last chunk comes only if all bytes have the image's checksum:
 * what is damaged ends in an error, short of its announced length.
 * @throws ApiError 503 if no copy can be read.
 */
export async function readData(context: ImageContext, data: ImageData, span: ByteSpan): Promise<AsyncIterable<Buffer>> {
  const isWhole = span.start === 0 && span.end === data.sizeBytes;
  let failure: unknown;
  for (const { store, location } of data.copies) {
    const bytes = context.stores.byId(store).read(location, span)[Symbol.asyncIterator]();
    try {
      const opened = resume(await bytes.next(), bytes);
      return isWhole ? verified(opened, data.md5) : opened;
    } catch (error) {
      failure = error;
      context.logger.error({ err: error, store }, 'an image cannot be read from its store');
    }
  }
  throw failure instanceof ApiError
    ? failure
    : storeUnavailable(data.copies.map(({ store }) => store).join(', '), failure);
}

/** The stream again, from the step that was taken to see whether it can be read at all. */
async function* resume(
  first: IteratorResult<Buffer, void>,
  rest: AsyncIterator<Buffer, void>,
): AsyncGenerator<Buffer, void, void> {
  try {
    for (let step = first; !step.done; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}

async function* verified(source: AsyncIterable<Buffer>, md5: string): AsyncGenerator<Buffer, void, void> {
  const hash = createHash('md5');
  let held: Buffer | undefined;
  for await (const chunk of source) {
    if (held) yield held;
    hash.update(chunk);
    held = chunk;
  }
  if (hash.digest('hex') !== md5) throw new InvariantError('the bytes of an image do not have its checksum');
  if (held) yield held;
}
