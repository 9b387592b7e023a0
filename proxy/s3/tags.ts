import { s3Error } from './errors.ts';
import { MOST_STORED_SETTING_BYTES, MOST_TAG_KEY, MOST_TAG_VALUE } from './limits.ts';
import type { XmlElement } from './xml/read.ts';
import { element } from './xml/write.ts';

export type Tags = readonly (readonly [key: string, value: string])[];

/** `Tagging` of a request. @throws ApiError `MalformedXML`, `InvalidTag`. */
export function tagsOfXml(tagging: XmlElement, most: number): Tags {
  const set = tagging.one('TagSet');
  if (!set) throw s3Error('MalformedXML');
  return checked(
    set.all('Tag').map((tag): [string, string] => {
      const key = tag.textOf('Key');
      const value = tag.textOf('Value');
      if (key === undefined || value === undefined) throw s3Error('MalformedXML');
      return [key, value];
    }),
    most,
  );
}

/** `x-amz-tagging`: tags as a query. @throws ApiError `InvalidArgument`, `InvalidTag`. */
export function tagsOfHeader(text: string, most: number): Tags {
  return checked([...new URLSearchParams(text)], most);
}

/** Spec: Amazon S3, "Categorizing your storage using tags": restrictions. */
function checked(tags: Tags, most: number): Tags {
  if (tags.length > most) throw s3Error('InvalidTag', { message: `Object tags cannot be greater than ${most}` });
  const keys = new Set(tags.map(([key]) => key));
  if (keys.size < tags.length)
    throw s3Error('InvalidTag', { message: 'Cannot provide multiple Tags with the same key' });
  for (const [key, value] of tags) {
    if (key === '' || [...key].length > MOST_TAG_KEY)
      throw s3Error('InvalidTag', { message: 'The TagKey you have provided is invalid' });
    if ([...value].length > MOST_TAG_VALUE)
      throw s3Error('InvalidTag', { message: 'The TagValue you have provided is invalid' });
    if (key.startsWith('aws:')) throw s3Error('InvalidTag', { message: 'System tags cannot be added or updated' });
  }
  if (storedTags(tags).length > MOST_STORED_SETTING_BYTES) throw s3Error('InvalidTag');
  return tags;
}

/** As they are kept: a query, in ASCII. */
export function storedTags(tags: Tags): string {
  return new URLSearchParams(tags.map(([key, value]): [string, string] => [key, value])).toString();
}

export function tagSetXml(stored: string): string {
  const tags = [...new URLSearchParams(stored)];
  return element(
    'TagSet',
    tags.map(([key, value]) => element('Tag', [element('Key', key), element('Value', value)])),
  );
}
