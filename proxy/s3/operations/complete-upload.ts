import { createHash } from 'node:crypto';
import { concurrently } from '../../features/concurrently.ts';
import { SUBREQUEST_CONCURRENCY } from '../../limits.ts';
import { bodyOf, type Headers, type ProxyResponse } from '../../message.ts';
import { encodePath } from '../../routes/path.ts';
import {
  ALGORITHMS,
  type Algorithm,
  algorithmNamed,
  beginChecksum,
  checksumHeader,
  crcKindOf,
} from '../checksums/algorithms.ts';
import { CrcCombiner } from '../checksums/combine.ts';
import { writeConditions } from '../conditions.ts';
import { s3Error } from '../errors.ts';
import { CHECKSUM_PREFIX, CHECKSUM_TYPE, checksumFields, etagOf, S3_ETAG, storedChecksum } from '../headers.ts';
import { MOST_LONG_XML_BYTES, MOST_PART_NUMBER } from '../limits.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { partsContainer } from '../names.ts';
import { askHead, askIfThere, type Row } from '../object-api.ts';
import { withRemovalOfParts } from '../parts.ts';
import {
  findUpload,
  listParts,
  partObject,
  UPLOAD_ALGORITHM,
  UPLOAD_CHECKSUM_TYPE,
  type UploadId,
  uploadObject,
  uploadOfRequest,
} from '../uploads.ts';
import { versionHeaders } from '../versions.ts';
import { readXml, type XmlElement } from '../xml/read.ts';
import { element, xmlAnswer } from '../xml/write.ts';

interface NamedPart {
  number: number;
  etag: string;
  /** By algorithm: what the client says of it. */
  checksums: ReadonlyMap<Algorithm, string>;
}

type StoredPart = NamedPart & { row: Row };

/**
 * Makes the object of its parts: a manifest of them. The manifest first, then the upload goes: what a crash leaves between can be
 * completed again.
 *
 * Spec: Amazon S3, CompleteMultipartUpload.
 */
export const completeUpload: Operation = async (request, services) => {
  const upload = uploadOfRequest(request);
  const named = namedParts(await readXml(request.body, 'CompleteMultipartUpload', MOST_LONG_XML_BYTES));
  const etag = multipartEtag(named);
  const kept = await findUpload(request, services, upload).catch(async (error: unknown) => {
    // Asked for again, by a client that did not hear the answer.
    if (await isMadeOf(request, services, upload, etag)) return undefined;
    throw error;
  });
  if (!kept) return resultOf(request, upload, etag, {});
  const parts = await storedParts(request, services, upload, named);
  checkSize(request, parts);
  const checksum = await checksumOf(request, services, { upload, parts, kept });
  const conditions = await writeConditions(request, services, upload);
  const manifest = parts.map(({ number, row }) => ({
    path: `/${partsContainer(upload.bucket)}/${partObject(upload, number)}`,
    etag: row.hash,
    size_bytes: row.bytes,
  }));
  const body = Buffer.from(JSON.stringify(manifest));
  const own = new Set(parts.map(({ number }) => partObject(upload, number)));
  const made = await withRemovalOfParts(
    request,
    services,
    upload,
    () =>
      askHead(request, services, {
        method: 'PUT',
        container: upload.bucket,
        object: upload.key,
        query: { 'multipart-manifest': 'put' },
        headers: {
          ...objectHeaders(kept),
          ...checksum,
          [S3_ETAG]: etag,
          'content-length': String(body.length),
          ...conditions,
        },
        body: bodyOf(body),
      }),
    (name) => !own.has(name),
  );
  await askIfThere(request, services, {
    method: 'DELETE',
    container: partsContainer(upload.bucket),
    object: uploadObject(upload),
  });
  const result = resultOf(request, upload, etag, checksum);
  return { ...result, headers: { ...result.headers, ...versionHeaders(made) } };
};

/** @throws ApiError `MalformedXML`, `InvalidPartOrder`, `InvalidArgument`. */
function namedParts(document: XmlElement): NamedPart[] {
  const parts = document.all('Part').map((part): NamedPart => {
    const number = part.textOf('PartNumber')?.trim() ?? '';
    const etag = part.textOf('ETag')?.trim().replaceAll('"', '').toLowerCase();
    if (!/^\d{1,5}$/.test(number) || etag === undefined) throw s3Error('MalformedXML');
    const checksums = new Map<Algorithm, string>();
    for (const algorithm of ALGORITHMS) {
      const value = part.textOf(`Checksum${algorithm}`);
      if (value) checksums.set(algorithm, value);
    }
    return { number: Number(number), etag, checksums };
  });
  if (parts.length === 0 || parts.length > MOST_PART_NUMBER) throw s3Error('MalformedXML');
  for (const [index, { number, etag }] of parts.entries()) {
    if (number < 1 || number > MOST_PART_NUMBER || !/^[0-9a-f]{32}$/.test(etag)) throw invalidPart(number);
    if (index > 0 && number <= (parts[index - 1]?.number ?? 0)) throw s3Error('InvalidPartOrder');
  }
  return parts;
}

/** `md5-parts`: of the parts' digests, one after another. */
function multipartEtag(parts: readonly NamedPart[]): string {
  const digest = createHash('md5');
  for (const { etag } of parts) digest.update(Buffer.from(etag, 'hex'));
  return `${digest.digest('hex')}-${parts.length}`;
}

async function isMadeOf(request: S3Request, services: S3Services, upload: UploadId, etag: string): Promise<boolean> {
  const what = { method: 'HEAD', container: upload.bucket, object: upload.key };
  return (await askIfThere(request, services, what))?.[S3_ETAG] === etag;
}

/** @throws ApiError `InvalidPart`, `EntityTooSmall`. */
async function storedParts(
  request: S3Request,
  services: S3Services,
  upload: UploadId,
  named: readonly NamedPart[],
): Promise<StoredPart[]> {
  const rows = new Map((await listParts(request, services, upload)).map(({ number, row }) => [number, row]));
  return named.map((part, index) => {
    const row = rows.get(part.number);
    if (!row || row.hash !== part.etag) throw invalidPart(part.number);
    if (index < named.length - 1 && (row.bytes ?? 0) < services.leastPartBytes)
      throw s3Error('EntityTooSmall', {
        fields: {
          PartNumber: String(part.number),
          ProposedSize: String(row.bytes ?? 0),
          MinSizeAllowed: String(services.leastPartBytes),
          ETag: part.etag,
        },
      });
    return { ...part, row };
  });
}

/** What the client says that the whole has, where it says so. @throws ApiError `InvalidRequest`. */
function checkSize({ headers }: S3Request, parts: readonly StoredPart[]): void {
  const told = headers['x-amz-mp-object-size'];
  const sizeBytes = parts.reduce((sum, { row }) => sum + (row.bytes ?? 0), 0);
  if (told !== undefined && told !== String(sizeBytes))
    throw s3Error('InvalidRequest', {
      message: 'The provided x-amz-mp-object-size header value does not match what was computed.',
    });
}

function invalidPart(number: number): Error {
  return s3Error('InvalidPart', { fields: { PartNumber: String(number) } });
}

/** What the upload keeps for the object: everything but what is the upload's own. */
function objectHeaders(kept: Headers): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(kept))
    if (
      /^(x-object-meta-|x-object-transient-sysmeta-s3-|x-object-sysmeta-s3-lock$|content-type$|content-(disposition|encoding|language)$|cache-control$|expires$)/.test(
        name,
      )
    )
      headers[name] = value;
  return headers;
}

/**
 * The checksum of the whole, made of the parts' own and held against what the client says.
 *
 * @throws ApiError `InvalidPart` where a part has none, or another than the client says; `BadDigest`.
 */
async function checksumOf(
  request: S3Request,
  services: S3Services,
  { upload, parts, kept }: { upload: UploadId; parts: readonly StoredPart[]; kept: Headers },
): Promise<Headers> {
  const claimed = parts.flatMap(({ checksums }) => [...checksums.keys()])[0];
  const algorithm = algorithmNamed(kept[UPLOAD_ALGORITHM]) ?? claimed;
  if (!algorithm) return {};
  const values = await concurrently(parts, SUBREQUEST_CONCURRENCY, async ({ number, checksums }) => {
    const headers = await askHead(request, services, {
      method: 'HEAD',
      container: partsContainer(upload.bucket),
      object: partObject(upload, number),
    });
    const stored = headers[`${CHECKSUM_PREFIX}${algorithm.toLowerCase()}`];
    const named = checksums.get(algorithm);
    if (named !== undefined && named !== stored) throw invalidPart(number);
    return stored;
  });
  const known = values.filter((value) => value !== undefined);
  // Parts that were copied have none: neither has the whole.
  if (known.length < values.length) return {};
  const kind = kept[UPLOAD_CHECKSUM_TYPE] ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  const value = kind === 'FULL_OBJECT' ? combined(algorithm, known, parts) : composite(algorithm, known);
  const told = request.headers[checksumHeader(algorithm)];
  if (told !== undefined && told.split('-')[0] !== value.split('-')[0]) throw s3Error('BadDigest');
  return { ...storedChecksum(algorithm, value), [CHECKSUM_TYPE]: kind };
}

function composite(algorithm: Algorithm, values: readonly string[]): string {
  const running = beginChecksum(algorithm);
  for (const value of values) running.update(Buffer.from(value, 'base64'));
  return `${running.digest().toString('base64')}-${values.length}`;
}

function combined(algorithm: Algorithm, values: readonly string[], parts: readonly StoredPart[]): string {
  const kind = crcKindOf(algorithm);
  if (!kind) throw s3Error('InvalidRequest');
  const combiner = new CrcCombiner(kind);
  const numbers = values.map((value) => BigInt(`0x${Buffer.from(value, 'base64').toString('hex')}`));
  const whole = numbers.reduce((first, second, index) => combiner.combine(first, second, parts[index]?.row.bytes ?? 0));
  return Buffer.from(whole.toString(16).padStart(kind.bits / 4, '0'), 'hex').toString('base64');
}

function resultOf(request: S3Request, upload: UploadId, etag: string, checksum: Headers): ProxyResponse {
  const { bucket, key } = upload;
  const location = `http://${request.headers['host'] ?? ''}/${bucket}/${encodePath(key)}`;
  const fields = Object.entries(checksumFields(checksum)).map(([name, value]) => element(name, value));
  return xmlAnswer('CompleteMultipartUploadResult', [
    element('Location', location),
    element('Bucket', bucket),
    element('Key', key),
    element('ETag', etagOf({ etag })),
    ...fields,
    checksum[CHECKSUM_TYPE] === undefined ? '' : element('ChecksumType', checksum[CHECKSUM_TYPE]),
  ]);
}
