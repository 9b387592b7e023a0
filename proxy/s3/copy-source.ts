import { type Headers, objectPathOf } from '../message.ts';
import { decode } from '../routes/path.ts';
import { s3Error } from './errors.ts';
import type { S3Request } from './message.ts';
import { isBucketName } from './names.ts';

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

const CONDITION = 'x-amz-copy-source-if-';

/** Conditions on the source, as the object API says them. */
export function sourceConditions(headers: Headers): Headers {
  const conditions: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith(CONDITION)) conditions[`if-${name.slice(CONDITION.length)}`] = value;
  return conditions;
}
