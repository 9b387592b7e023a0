import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../../common/errors.ts';
import { ImageInspection } from '../../common/image-format/inspection.ts';
import type { DiskFormat, ImageBody } from '../../image/contract.ts';
import { fill } from '../data/fill.ts';
import type { VolumeBacking } from '../drivers/contract.ts';
import { CONVERT_TIMEOUT_MS, GIB } from '../limits.ts';
import type { VolumeParts } from '../parts.ts';
import type { Job } from './job-runner.ts';
import { withRetries } from './with-retries.ts';

export interface ImageCopy {
  imageId: string;
  volumeId: string;
  target: VolumeBacking;
  /** The volume reads as zeros: what the image holds of them need not be written. */
  skipZeros: boolean;
  job: Job;
}

/** Images whose bytes are the disk's own. */
const PLAIN_FORMATS: ReadonlySet<DiskFormat> = new Set(['raw', 'iso', 'ami', 'ari', 'aki']);
/** What qemu-img calls the others. A format that is not here is not converted. */
const QEMU_FORMATS: Partial<Record<DiskFormat, string>> = {
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vdi: 'vdi',
  vhd: 'vpc',
  vhdx: 'vhdx',
};

/**
 * Fills a volume with an image: plain formats stream through, others are inspected, kept in a bounded spool file and converted.
 *
 * @throws ApiError naming what the owner can do something about; nobody probes formats here: the declared one must be the real one.
 */
export async function copyImage(parts: VolumeParts, copy: ImageCopy): Promise<void> {
  const { job } = copy;
  // After a restart the user's token is gone: the service asks for itself, and may be refused.
  const token = job.token ?? (await withRetries(() => parts.session.token(), job.signal));
  const image = await withRetries(() => parts.images.show(token, copy.imageId), job.signal);
  const data = checked(await withRetries(() => parts.images.data(token, image.id), job.signal), image);
  const format = image.disk_format;
  const options = { skipZeros: copy.skipZeros, signal: job.signal };
  if (format !== null && PLAIN_FORMATS.has(format)) {
    await fill(copy.target, data, options);
    return;
  }
  const source = join(parts.spoolFolder, `${copy.volumeId}.image`);
  const raw = join(parts.spoolFolder, `${copy.volumeId}.raw`);
  try {
    await spool(data, source, { image, parts, copy });
    await convert(parts, { from: qemuFormat(format), source, raw, signal: job.signal });
    await fill(copy.target, createReadStream(raw, { highWaterMark: 1 << 20 }), options);
  } finally {
    await rm(source, { force: true });
    await rm(raw, { force: true });
  }
}

/** The image's bytes, counted and hashed: short, long or altered data is an error before the volume is called good. */
async function* checked(data: AsyncIterable<Uint8Array>, image: ImageBody): AsyncGenerator<Uint8Array> {
  const hash = hashOf(image);
  let bytes = 0;
  for await (const chunk of data) {
    bytes += chunk.length;
    if (image.size !== null && bytes > image.size) break;
    hash?.update(chunk);
    yield chunk;
  }
  const isWhole = image.size === null || bytes === image.size;
  if (!isWhole || (hash && hash.digest('hex') !== image.os_hash_value))
    throw new ApiError({
      status: 400,
      code: 'ImageCorrupt',
      message: `The data of image ${image.id} is not what its size and hash say.`,
    });
}

function hashOf(image: ImageBody): Hash | undefined {
  const algorithm = image.os_hash_algo;
  return image.os_hash_value !== null && (algorithm === 'sha512' || algorithm === 'sha256')
    ? createHash(algorithm)
    : undefined;
}

interface SpoolOptions {
  image: ImageBody;
  parts: VolumeParts;
  copy: ImageCopy;
}

/** Writes the image to a file, bounded, and looks at what it is before any program opens it. */
async function spool(
  data: AsyncIterable<Uint8Array>,
  path: string,
  { image, parts, copy }: SpoolOptions,
): Promise<void> {
  const mostBytes = parts.config.image_spool_gigabytes * GIB;
  const inspection = new ImageInspection();
  const file = await open(path, 'w', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of data) {
      copy.job.signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > mostBytes) throw unacceptable(image, `it is larger than ${parts.config.image_spool_gigabytes} GiB`);
      inspection.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  const report = inspection.finish();
  if (report.hazard !== undefined) throw unacceptable(image, report.hazard);
  if (report.format !== image.disk_format)
    throw unacceptable(image, `it is declared to be ${image.disk_format} but is ${report.format}`);
  if (report.virtualSizeBytes > copy.target.sizeBytes) {
    const gib = Math.ceil(report.virtualSizeBytes / GIB);
    throw unacceptable(image, `its virtual size of ${gib} GiB is larger than the volume`);
  }
}

function qemuFormat(format: DiskFormat | null): string {
  const name = format === null ? undefined : QEMU_FORMATS[format];
  if (name) return name;
  throw new ApiError({
    status: 400,
    code: 'ImageUnacceptable',
    message: `Images of disk format ${format} cannot be made into volumes.`,
  });
}

interface Conversion {
  from: string;
  source: string;
  raw: string;
  signal: AbortSignal;
}

/** qemu-img with the format always told: it never guesses, and has seen no byte before the inspection. */
async function convert(parts: VolumeParts, { from, source, raw, signal }: Conversion): Promise<void> {
  const program = parts.config.qemu_img;
  const result = await parts.run(program, ['convert', '-f', from, '-O', 'raw', source, raw], {
    timeoutMs: CONVERT_TIMEOUT_MS,
    signal,
  });
  if (result.missing)
    throw new ApiError({
      status: 503,
      code: 'QemuImgMissing',
      message: `Images of format ${from} need qemu-img on the storage host: apt-get install qemu-utils. Raw images do not.`,
    });
  if (result.exitCode === 0) return;
  parts.logger.error({ exitCode: result.exitCode, stderr: result.stderr.slice(0, 500) }, 'qemu-img could not convert');
  throw new ApiError({
    status: 500,
    code: 'ImageConversionFailed',
    message: `The image of format ${from} could not be converted to raw.`,
  });
}

function unacceptable(image: ImageBody, reason: string): ApiError {
  return new ApiError({
    status: 400,
    code: 'ImageUnacceptable',
    message: `Image ${image.id} is unacceptable: ${reason}.`,
  });
}
