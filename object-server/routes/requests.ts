import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import type { FastifyRequest } from 'fastify';
import { parseBackendPath } from '../../common/cluster/backend-path.ts';
import { FRAME, type FrameDecoder } from '../../common/cluster/frames.ts';
import { DIGEST_HEADER, parseSignedJson } from '../../common/cluster/signed-json.ts';
import { ApiError } from '../../common/errors.ts';
import type { ObjectTarget } from '../contract.ts';
import { MOST_LISTED_OBJECTS, MOST_OTHER_REPLICAS } from '../limits.ts';

const timestamp = Type.String({ pattern: '^\\d{10}\\.\\d{5}$' });
const count = Type.Integer({ minimum: 0 });
const metadata = Type.Record(Type.String(), Type.String());
const replica = { ip: Type.String(), port: count, device: Type.String(), partition: count };
const listing = Type.Optional(
  Type.Object({
    ...replica,
    others: Type.Optional(Type.Array(Type.Object(replica), { maxItems: MOST_OTHER_REPLICAS })),
    alsoOthers: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST_OTHER_REPLICAS })),
  }),
);

export const parseNewObject = parser(
  Type.Object({
    timestamp,
    contentType: Type.String(),
    sizeBytes: Type.Optional(count),
    fixedMetadata: metadata,
    metadata,
    onlyIfAbsent: Type.Boolean(),
    onlyIfUnchangedSince: Type.Optional(timestamp),
    listing,
  }),
);
export const parseFooter = parser(
  Type.Object({ etag: Type.String(), sizeBytes: count, fixedMetadata: Type.Optional(metadata) }),
);
export const parseChange = parser(
  Type.Object({ timestamp, metadata, contentType: Type.Optional(Type.String()), listing }),
);
export const parseRemoval = parser(Type.Object({ timestamp, listing }));
export const parseListing = parser(
  Type.Object({
    policyIndex: Type.Integer({ minimum: 0, maximum: 0xffff }),
    after: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,128}$' })),
    limit: Type.Integer({ minimum: 1, maximum: MOST_LISTED_OBJECTS }),
  }),
);
export const parseRange = parser(Type.Object({ start: count, end: count }));

/** `/<device>/<partition>/<account>/<container>/<object>` and the policy's header. */
export function targetOf({ raw, headers }: FastifyRequest): ObjectTarget {
  const { device, partition, names } = parseBackendPath(raw.url ?? '');
  const [account, container, object] = names;
  if (account === undefined || container === undefined || object === undefined)
    throw badRequest('The path names no object.');
  const policy = headers['x-backend-storage-policy-index'] ?? '0';
  if (typeof policy !== 'string' || !/^\d{1,4}$/.test(policy))
    throw badRequest('X-Backend-Storage-Policy-Index is no index.');
  return { device, partition, account, container, object, policyIndex: Number(policy) };
}

/** The JSON that a framed request begins with, as it was signed for. */
export async function readHead(frames: FrameDecoder, request: FastifyRequest): Promise<unknown> {
  const frame = await frames.next();
  if (frame.type !== FRAME.JSON) throw badRequest('The request does not begin with its head.');
  return parseSignedJson(frame.payload, request.headers[DIGEST_HEADER]);
}

/** The body of a request that is JSON as a whole. */
export function jsonOf({ body, headers }: FastifyRequest): unknown {
  return parseSignedJson(body instanceof Uint8Array ? body : Buffer.alloc(0), headers[DIGEST_HEADER]);
}

export function badRequest(message: string): ApiError {
  return new ApiError({ status: 400, code: 'BadRequest', message });
}

function parser<S extends TSchema>(schema: S): (value: unknown) => Static<S> {
  const compiled = TypeCompiler.Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return value;
    const [problem] = compiled.Errors(value);
    throw badRequest(`The request does not fit: ${problem?.path ?? ''} ${problem?.message ?? ''}`);
  };
}
