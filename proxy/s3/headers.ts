import { S3_ETAG_HEADER } from '../features/slo-put.ts';
import type { Headers } from '../message.ts';
import { ALGORITHMS, type Algorithm, algorithmNamed, checksumHeader } from './checksums/algorithms.ts';
import { s3Error } from './errors.ts';
import type { S3Request } from './message.ts';
import { asEncodedWords } from './metadata-text.ts';

/** What an object keeps of this dialect; only the S3 API sets and shows these. */
export const S3_ETAG = S3_ETAG_HEADER;
export const CHECKSUM_PREFIX = 'x-object-sysmeta-s3-checksum-';
export const CHECKSUM_TYPE = `${CHECKSUM_PREFIX}type`;
/** Changed by a POST, as user metadata is: tags as a query. */
export const TAGS = 'x-object-transient-sysmeta-s3-tags';

/** Kept by an object as they are, in both dialects. */
const KEPT = ['cache-control', 'content-disposition', 'content-language', 'expires'] as const;

const USER_METADATA = 'x-amz-meta-';
const DEFAULT_TYPE = 'binary/octet-stream';

/** Headers that ask for what there is not: better refused than ignored, for they are promises. */
const NOT_BUILT =
  /^x-amz-(server-side-encryption(?!-bucket-key-enabled$)|copy-source-server-side-encryption|website-redirect-location|grant-|write-offset-bytes)/;

/** @throws ApiError `NotImplemented`, `InvalidStorageClass`. */
export function refuseNotBuilt(headers: Headers): void {
  for (const [name, value] of Object.entries(headers))
    if (NOT_BUILT.test(name) && value.toLowerCase() !== 'false')
      throw s3Error('NotImplemented', { fields: { Header: name } });
  const storageClass = headers['x-amz-storage-class'];
  if (storageClass !== undefined && storageClass !== 'STANDARD') throw s3Error('InvalidStorageClass');
}

/** What a new object keeps of a request's headers. @throws ApiError. */
export function storedHeaders({ headers }: Pick<S3Request, 'headers'>): Record<string, string> {
  refuseNotBuilt(headers);
  const stored: Record<string, string> = { 'content-type': headers['content-type'] || DEFAULT_TYPE };
  for (const name of KEPT) {
    const value = headers[name];
    if (value) stored[name] = value;
  }
  const encoding = storedEncoding(headers['content-encoding']);
  if (encoding) stored['content-encoding'] = encoding;
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith(USER_METADATA)) stored[`x-object-meta-${escapeName(name.slice(USER_METADATA.length))}`] = value;
  return stored;
}

/** `aws-chunked` frames the request, not the object. */
function storedEncoding(encoding: string | undefined): string {
  return (encoding ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part.toLowerCase() !== 'aws-chunked')
    .join(',');
}

/** Swift's dialect knows no difference between an underscore and a dash in a name: an underscore is written in another way. */
function escapeName(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('_', '%5f');
}

function unescapeName(name: string): string {
  return name.replaceAll(/%5f/gi, '_').replaceAll('%25', '%');
}

/** ETag of an object in this dialect, in quotes: of what was uploaded in parts `md5-parts`. */
export function etagOf(headers: Headers): string {
  return quoted(headers[S3_ETAG] ?? headers['etag'] ?? '');
}

function quoted(etag: string): string {
  return `"${etag.replaceAll('"', '')}"`;
}

/** What an answer says of an object. */
export function shownHeaders(headers: Headers, isChecksumMode: boolean): Record<string, string> {
  const shown: Record<string, string> = { etag: etagOf(headers) };
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-object-meta-'))
      shown[`${USER_METADATA}${unescapeName(name.slice('x-object-meta-'.length))}`] = asEncodedWords(value);
    else if (SHOWN.has(name)) shown[name] = value;
  }
  if (isChecksumMode) Object.assign(shown, checksumHeaders(headers));
  const tags = headers[TAGS];
  if (tags) shown['x-amz-tagging-count'] = String(new URLSearchParams(tags).size);
  return shown;
}

const SHOWN: ReadonlySet<string> = new Set([
  ...KEPT,
  'content-encoding',
  'content-type',
  'last-modified',
  'accept-ranges',
  'content-range',
]);

/** The checksum that an object keeps, as answers tell it. */
export function checksumHeaders(headers: Headers): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const algorithm of ALGORITHMS) {
    const value = headers[`${CHECKSUM_PREFIX}${algorithm.toLowerCase()}`];
    if (value !== undefined) shown[checksumHeader(algorithm)] = value;
  }
  if (Object.keys(shown).length > 0) shown['x-amz-checksum-type'] = headers[CHECKSUM_TYPE] ?? 'FULL_OBJECT';
  return shown;
}

/** The same, as elements of XML are called: `ChecksumCRC32`. */
export function checksumFields(headers: Headers): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const algorithm of ALGORITHMS) {
    const value = headers[`${CHECKSUM_PREFIX}${algorithm.toLowerCase()}`];
    if (value !== undefined) fields[`Checksum${algorithm}`] = value;
  }
  return fields;
}

export function storedChecksum(algorithm: Algorithm, value: string): Record<string, string> {
  return { [`${CHECKSUM_PREFIX}${algorithm.toLowerCase()}`]: value };
}

/** The algorithm that a request asks for by name. @throws ApiError `InvalidRequest`. */
export function askedAlgorithm(name: string | undefined): Algorithm | undefined {
  if (name === undefined) return undefined;
  const algorithm = algorithmNamed(name);
  if (!algorithm)
    throw s3Error('InvalidRequest', {
      message:
        'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    });
  return algorithm;
}

/** `Content-MD5` as Swift's ETag. @throws ApiError `InvalidDigest`. */
export function etagOfContentMd5(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== value) throw s3Error('InvalidDigest');
  return bytes.toString('hex');
}
