import type { IncomingMessage } from 'node:http';
import type { SignerDirectory } from '../../auth/guard/contract.ts';
import { delegationAllows } from '../../auth/guard/delegation.ts';
import { ApiError } from '../../common/errors.ts';
import { ACCOUNT_PREFIX, SERVICE_TYPE } from '../access/access-control.ts';
import { decodeHeaderValue } from '../http/header-text.ts';
import type { Headers, ProxyRequest, ProxyResponse, RequestBody } from '../message.ts';
import { encodePath } from '../routes/path.ts';
import { asS3Error, renderS3Error, s3Error } from './errors.ts';
import type { S3Request, S3Services } from './message.ts';
import { operationOf } from './operations/table.ts';
import { payloadOf } from './payload/payload.ts';
import { authenticate } from './signature/authenticate.ts';
import { isS3Signed, parseS3Target, type S3Target } from './target.ts';

export interface S3ApiOptions extends S3Services {
  signers: SignerDirectory;
  /** Whose subdomains are buckets; '' for none. */
  domain: string;
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
        context: { ...context, caller: identity },
      };
      const operation = operationOf(translated);
      const answer = await operation(translated, options).catch((error: unknown) => {
        throw error instanceof ApiError ? asS3Error(error) : error;
      });
      return { ...answer, headers: { ...answer.headers, ...idHeaders(context.transactionId) } };
    },
    render(error, { url }, requestId) {
      const resource = (url ?? '/').split('?', 1)[0] ?? '/';
      const answer = renderS3Error(error, { resource, requestId });
      return { ...answer, headers: { ...answer.headers, ...idHeaders(requestId) } };
    },
  };
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
