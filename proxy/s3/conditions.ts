import type { Headers } from '../message.ts';

const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'] as const;

/**
 * Conditions on what is read, as the object API says them. Beside an ETag's condition, a date's of the same kind is not looked at.
 *
 * @param prefix of the headers that say them.
 * Spec: RFC 9110, 13.2.2; Amazon S3, GetObject and CopyObject: combinations of conditions.
 */
export function readConditions(headers: Headers, prefix: '' | 'x-amz-copy-source-'): Headers {
  const conditions: Record<string, string> = {};
  for (const name of CONDITIONS) {
    const value = headers[prefix + name];
    if (value !== undefined) conditions[name] = value;
  }
  if (conditions['if-match'] !== undefined) delete conditions['if-unmodified-since'];
  if (conditions['if-none-match'] !== undefined) delete conditions['if-modified-since'];
  return conditions;
}
