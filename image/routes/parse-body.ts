import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalid } from '../errors.ts';

const PATCH_TYPES = ['application/openstack-images-v2.1-json-patch', 'application/openstack-images-v2.0-json-patch'];

/** What a PATCH may be, as `Accept-Patch` tells. */
export const ACCEPT_PATCH = PATCH_TYPES.join(',');

/**
 * How bodies are read: JSON and JSON patches are parsed (an empty one is no body: clients send the type without one), image data and
 * everything else is left as a stream.
 */
export function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/json', ...PATCH_TYPES],
    { parseAs: 'string' },
    async (_request: FastifyRequest, text: string) => (text === '' ? undefined : parseJson(text)),
  );
  app.addContentTypeParser('*', async (_request: FastifyRequest, payload: unknown) => payload);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('Malformed JSON in request body.');
  }
}

/** The body as a JSON object. @throws ApiError 400. */
export function parseObject(request: FastifyRequest): Record<string, unknown> {
  const { body } = request;
  const isJson = typeOf(request) === 'application/json';
  if (!isJson || typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('Request body must be a JSON object.');
  return body as Record<string, unknown>;
}

/** Media type of the body, in lower case and without parameters. */
export function typeOf(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
