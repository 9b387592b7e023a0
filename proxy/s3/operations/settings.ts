import { type S3ErrorCode, s3Error } from '../errors.ts';
import type { Operation } from '../message.ts';
import { bucketOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { element, xmlAnswer } from '../xml/write.ts';

/** A setting that no bucket has, and none can be given: reading it says so as S3 does of a bucket without it. */
export function absent(code: S3ErrorCode): Operation {
  return async (request, services) => {
    await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
    throw s3Error(code);
  };
}

/** A setting that is the same for all buckets. */
export function fixed(root: string, ...children: readonly (readonly [name: string, text: string])[]): Operation {
  return async (request, services) => {
    await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
    return xmlAnswer(
      root,
      children.map(([name, text]) => element(name, text)),
    );
  };
}

export const notBuilt: Operation = async () => {
  throw s3Error('NotImplemented');
};

export const notAllowed: Operation = async () => {
  throw s3Error('MethodNotAllowed');
};
