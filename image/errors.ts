import { STATUS_CODES } from 'node:http';
import { ApiError } from '../common/errors.ts';
import type { RenderError } from '../common/http/app.ts';

/**
 * An error as Glance answers it: a small HTML page whose text its clients show.
 *
 * Spec: WebOb, the HTML form of an HTTP exception; read by glanceclient, exc.from_response.
 */
export const renderImageError: RenderError = (error) => {
  const title = `${error.status} ${STATUS_CODES[error.status] ?? 'Error'}`;
  return {
    contentType: 'text/html; charset=UTF-8',
    body:
      `<html>\n <head>\n  <title>${title}</title>\n </head>\n <body>\n  <h1>${title}</h1>\n` +
      `  ${escapeHtml(error.message)}<br /><br />\n\n\n </body>\n</html>`,
  };
};

function escapeHtml(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The same answer for an image that does not exist and for one that the caller may not know of. */
export function imageNotFound(id: string): ApiError {
  return notFound(`No image found with ID ${id.slice(0, 64)}`);
}

export function notFound(message: string): ApiError {
  return new ApiError({ status: 404, code: 'NotFound', message });
}

export function invalid(message: string): ApiError {
  return new ApiError({ status: 400, code: 'InvalidInput', message });
}

export function notAllowed(message: string): ApiError {
  return new ApiError({ status: 403, code: 'Forbidden', message });
}

export function conflict(message: string): ApiError {
  return new ApiError({ status: 409, code: 'Conflict', message });
}

/** A deletion overtook what was going on with the image. */
export function gone(id: string): ApiError {
  return new ApiError({
    status: 410,
    code: 'ImageGone',
    message: `Image ${id} was deleted while its data was being stored.`,
  });
}

export function tooLarge(message: string, code = 'LimitExceeded'): ApiError {
  return new ApiError({ status: 413, code, message });
}

export function unsupportedFormat(message: string): ApiError {
  return new ApiError({ status: 415, code: 'UnsupportedFormat', message });
}

/** The bytes did not arrive whole: told to whoever can still hear it. */
export function brokenUpload(cause: unknown): ApiError {
  return new ApiError({
    status: 400,
    code: 'BrokenUpload',
    message: 'The image data ended before it was complete.',
    cause,
  });
}

export function storageFull(cause?: unknown): ApiError {
  return new ApiError({ status: 413, code: 'StorageFull', message: 'Image storage media is full.', cause });
}

export function storeUnavailable(store: string, cause?: unknown): ApiError {
  return new ApiError({
    status: 503,
    code: 'StoreUnavailable',
    message: `The image store (${store}) is not available at the moment.`,
    cause,
  });
}
