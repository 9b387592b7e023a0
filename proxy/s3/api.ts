import type { IncomingMessage } from 'node:http';
import type { SignerDirectory } from '../../auth/guard/contract.ts';
import { delegationAllows } from '../../auth/guard/delegation.ts';
import { ApiError } from '../../common/errors.ts';
import { ACCOUNT_PREFIX, SERVICE_TYPE } from '../access/access-control.ts';
import { decodeHeaderValue } from '../http/header-text.ts';
import {
  contentOf,
  type Feature,
  type Headers,
  NO_BODY,
  type ProxyRequest,
  type ProxyResponse,
  type RequestBody,
} from '../message.ts';
import { encodePath } from '../routes/path.ts';
import { asS3Error, renderS3Error, s3Error } from './errors.ts';
import type { S3Request, S3Services } from './message.ts';
import { swiftRequest } from './object-api.ts';
import { operationOf } from './operations/table.ts';
import { payloadOf } from './payload/payload.ts';
import { authenticate } from './signature/authenticate.ts';
import { isS3Signed, parseS3Target, type S3Target } from './target.ts';

export interface S3ApiOptions extends S3Services {
  signers: SignerDirectory;
  /** Whose subdomains are buckets; '' for none. */
  domain: string;
  /** What pages of other origins may do and see: the same feature, and the same settings of a container, as in Swift's dialect. */
  cors: Feature;
}

/** What the client sent, beside what is read of it here. */
interface S3Incoming {
  request: IncomingMessage;
  body: RequestBody;
  /** The caller is who signed: filled in here. */
  context: ProxyRequest['context'];
}

export interface S3Api {
  /** Whether a request is one of this dialect. */
  claims(request: IncomingMessage): boolean;
  /** @throws ApiError. */
  answer(incoming: S3Incoming): Promise<ProxyResponse>;
  /** An error in this dialect. */
  render(error: ApiError, request: IncomingMessage, requestId: string): ProxyResponse;
}

/** The S3 dialect: signed requests in, the object API's requests out. */
export function createS3Api(options: S3ApiOptions): S3Api {
  return {
    claims: ({ headers, url }) => isS3Signed(headers.authorization, url ?? ''),
    async answer({ request, body, context }) {
      const headers = headersOf(request);
      const target = parseS3Target(request.url ?? '/', headers['host'] ?? '', options.domain);
      const method = request.method ?? 'GET';
      if (method === 'OPTIONS') return preflight({ target, headers, context }, options);
      const signed = { method, target, headers };
      const authenticated = await authenticate(signed, options.signers, options.clock.nowMs());
      const { identity } = authenticated;
      if (identity.scope.kind !== 'project') throw s3Error('AccessDenied');
      const account = ACCOUNT_PREFIX + identity.scope.project.id;
      const path = swiftPath(account, target);
      if (!delegationAllows(identity, { serviceType: SERVICE_TYPE, method, path })) throw s3Error('AccessDenied');
      const translated: S3Request = {
        method,
        bucket: target.bucket,
        key: target.key,
        query: target.query,
        headers,
        account,
        identity,
        body: payloadOf(body, headers, authenticated),
        context: {
          ...context,
          caller: identity,
          client: { ...context.client, pathText: pathTextOf(account, target) },
        },
      };
      checkOwner(translated, identity.scope.project.id);
      const operation = operationOf(translated);
      const run = async () =>
        operation(translated, options).catch((error: unknown) => {
          throw error instanceof ApiError ? asS3Error(error) : error;
        });
      const answer = await options.cors(run)(swiftRequest(translated));
      return { ...answer, headers: { ...answer.headers, ...idHeaders(context.transactionId) } };
    },
    render(error, { url }, requestId) {
      const resource = (url ?? '/').split('?', 1)[0] ?? '/';
      const answer = renderS3Error(error, { resource, requestId });
      return { ...answer, headers: { ...answer.headers, ...idHeaders(requestId) } };
    },
  };
}

/**
 * What a browser asks before it sends a signed URL. It is not signed itself: the URL names a key, and the key a project; nothing is told
 * but what the bucket's rules say of the page.
 *
 * @throws ApiError `AccessDenied`.
 */
async function preflight(
  { target, headers, context }: { target: S3Target; headers: Headers; context: ProxyRequest['context'] },
  { signers, cors }: S3ApiOptions,
): Promise<ProxyResponse> {
  const credential = (target.query.get('X-Amz-Credential') ?? '').split('/');
  const [access, scope] =
    credential.length > 4
      ? [credential.slice(0, -4).join('/'), credential.slice(-4).join('/')]
      : [target.query.get('AWSAccessKeyId') ?? '', undefined];
  const project = (await signers.find(access, scope).catch(unavailable))?.identity.scope;
  if (project?.kind !== 'project' || target.bucket === undefined) throw s3Error('AccessDenied');
  const account = ACCOUNT_PREFIX + project.project.id;
  const path = { account, container: target.bucket, ...(target.key === undefined ? {} : { object: target.key }) };
  const allowed = async () => ({ status: 200, headers: { allow: METHODS }, body: contentOf('') });
  const request = { method: 'OPTIONS', path, query: new Map(), headers, body: NO_BODY, context };
  return cors(allowed)(request).catch((error: unknown) => {
    throw error instanceof ApiError ? s3Error('AccessDenied', { cause: error }) : error;
  });
}

const METHODS = 'GET, HEAD, PUT, POST, DELETE, OPTIONS';

function unavailable(error: unknown): never {
  throw s3Error('ServiceUnavailable', { cause: error });
}

/** Whoever says whose a bucket is wants to reach no other. @throws ApiError `AccessDenied`. */
function checkOwner({ headers }: S3Request, projectId: string): void {
  for (const name of ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner'])
    if (headers[name] !== undefined && headers[name] !== projectId) throw s3Error('AccessDenied');
}

function pathTextOf(account: string, { bucket, key }: S3Target): string {
  return ['/v1', account, bucket, key].filter((part) => part !== undefined).join('/');
}

function idHeaders(transactionId: string): Headers {
  return { 'x-amz-id-2': transactionId, 'x-amz-request-id': transactionId };
}

/** What the same request is called in Swift's dialect: what access rules of delegated keys name. */
function swiftPath(account: string, { bucket, key }: S3Target): string {
  const parts = [bucket, key].filter((part) => part !== undefined);
  return ['/v1', account, ...parts.map(encodePath)].join('/');
}

/** Header names to values in UTF-8; several lines of one name are joined as they are signed. */
function headersOf(request: IncomingMessage): Headers {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(request.headersDistinct))
    if (values) headers[name] = decodeHeaderValue(values.join(','));
  return headers;
}
