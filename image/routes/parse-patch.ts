import type { FastifyRequest } from 'fastify';
import { ApiError } from '../../common/errors.ts';
import type { PatchOperation } from '../actions/update-image.ts';
import { invalid, notAllowed, tooLarge } from '../errors.ts';
import { MOST_NAME_LENGTH, MOST_PATCH_OPERATIONS } from '../limits.ts';
import { ACCEPT_PATCH, typeOf } from './parse-body.ts';

const OPERATIONS = ['add', 'replace', 'remove'] as const;
const TYPE = /^application\/openstack-images-v2\.([01])-json-patch$/;

/**
 * The operations of a patch, in the form of v2.1 (`{"op", "path", "value"}`, RFC 6902) or v2.0 (`{"add": path, "value"}`).
 *
 * @throws ApiError 415 for another media type, 400 for what is malformed.
 * Spec: Image API v2, "Update image" and "HTTP PATCH Media Types".
 */
export function parsePatch(request: FastifyRequest): PatchOperation[] {
  const version = TYPE.exec(typeOf(request))?.[1];
  if (version === undefined)
    throw new ApiError({
      status: 415,
      code: 'UnsupportedMediaType',
      message: `A patch has one of the media types ${ACCEPT_PATCH}.`,
      headers: { 'accept-patch': ACCEPT_PATCH },
    });
  const { body } = request;
  if (!Array.isArray(body)) throw invalid('Request body must be a JSON array of operation objects.');
  if (body.length > MOST_PATCH_OPERATIONS) throw tooLarge(`A patch has at most ${MOST_PATCH_OPERATIONS} operations.`);
  return body.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
      throw invalid('Operations must be JSON objects.');
    return parseOperation(entry as Record<string, unknown>, version);
  });
}

function parseOperation(entry: Record<string, unknown>, version: string): PatchOperation {
  const op = version === '1' ? entry['op'] : OPERATIONS.find((name) => Object.hasOwn(entry, name));
  const known = OPERATIONS.find((name) => name === op);
  if (known === undefined) throw invalid(`Operations must be one of ${OPERATIONS.join(', ')}.`);
  if (known !== 'remove' && !Object.hasOwn(entry, 'value')) throw invalid(`Operation ${known} has no value.`);
  return { op: known, field: parsePath(version === '1' ? entry['path'] : entry[known]), value: entry['value'] };
}

/** Every field stands at the top of an image, so a pointer has one step. */
function parsePath(path: unknown): string {
  if (typeof path !== 'string' || !path.startsWith('/')) throw invalid('The path of an operation begins with "/".');
  const steps = path.slice(1).split('/');
  if (steps[0] === 'locations') throw notAllowed("Attribute 'locations' is reserved.");
  const [step = ''] = steps;
  if (steps.length > 1 || step === '' || /~(?![01])/.test(step)) throw invalid(`Invalid path '${path.slice(0, 64)}'.`);
  const field = step.replace(/~1/g, '/').replace(/~0/g, '~');
  if (field.length > MOST_NAME_LENGTH) throw invalid(`The name of a property has 1 to ${MOST_NAME_LENGTH} characters.`);
  return field;
}
