import { type Headers, objectPathOf } from '../message.ts';
import { decode, encodePath } from '../routes/path.ts';
import { readConditions } from './conditions.ts';
import { s3Error } from './errors.ts';
import type { S3Request, S3Services } from './message.ts';
import { isBucketName } from './names.ts';
import { type Ask, ask } from './object-api.ts';
import { versionQuery } from './versions.ts';

export interface CopySource {
  bucket: string;
  key: string;
  version: string | undefined;
}

/** `x-amz-copy-source`: `[/]bucket/key[?versionId=…]`, percent-encoded. @throws ApiError `InvalidArgument`. */
export function copySourceOf({ headers, account }: S3Request): CopySource {
  const text = headers['x-amz-copy-source'] ?? '';
  const [encoded = '', version] = text.split('?versionId=');
  const [container, ...rest] = (decode(encoded) ?? '').replace(/^\//, '').split('/');
  const path = objectPathOf({ account, container: container ?? '', object: rest.join('/') });
  if (!path || !isBucketName(path.container) || path.object === '')
    throw s3Error('InvalidArgument', {
      message: 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      fields: { ArgumentName: 'x-amz-copy-source', ArgumentValue: text },
    });
  return { bucket: path.container, key: path.object, version };
}

/**
 * Has the object API copy, if the request's conditions on the source hold.
 *
 * @param what of the destination; its query and its range are the source's.
 * @throws ApiError `PreconditionFailed`, also where a reader would be told that nothing has changed.
 */
export async function askCopy(
  request: S3Request,
  services: S3Services,
  source: CopySource,
  what: Omit<Ask, 'method' | 'query'>,
): Promise<Headers> {
  const { status, headers, body } = await ask(request, services, {
    method: 'PUT',
    ...what,
    query: versionQuery(source.version),
    headers: {
      'x-copy-from': encodePath(`/${source.bucket}/${source.key}`),
      ...readConditions(request.headers, 'x-amz-copy-source-'),
      ...what.headers,
    },
  });
  await body?.close();
  if (status === 304) throw s3Error('PreconditionFailed');
  return headers;
}
