import { truncate } from 'node:fs/promises';
import { execa } from 'execa';
import { ApiError, systemErrorCode } from '../../common/errors.ts';
import type { InspectionReport } from '../../common/image-format/inspection.ts';
import { programMissing } from '../errors.ts';
import type { LocalDisk } from '../hypervisor/contract.ts';
import { MOST_STDERR_CHARACTERS, QEMU_IMG_TIMEOUT_MS } from '../limits.ts';

const GIB = 2 ** 30;

/**
 * Makes a root disk of an image's bytes: refuses what names other files, grows the disk to the flavor's size.
 *
 * @param diskGib 0 leaves the disk as large as the image.
 * @throws ApiError 400 when the image is not what it was declared, or larger than the flavor's disk.
 */
export async function finishRootDisk(
  disk: LocalDisk,
  report: InspectionReport,
  diskGib: number,
  qemuImgPath: string,
): Promise<void> {
  if (report.hazard !== undefined) throw refused(`it is not safe to open: ${report.hazard}`);
  if (disk.format === 'qcow2' && report.format !== 'qcow2') throw refused(`it says qcow2 and is ${report.format}`);
  // raw bytes are a raw disk, whatever they look like: QEMU is told the format and never guesses
  const imageBytes = disk.format === 'raw' ? report.sizeBytes : report.virtualSizeBytes;
  const wantedBytes = diskGib * GIB;
  if (diskGib === 0 || imageBytes === wantedBytes) return alignRaw(disk, report.sizeBytes);
  if (imageBytes > wantedBytes) throw refused(`its disk is larger than the flavor's ${diskGib} GiB`);
  if (disk.format === 'raw') await truncate(disk.path, wantedBytes);
  else await growQcow2(disk.path, wantedBytes, qemuImgPath);
}

/** A disk consists of whole sectors. */
async function alignRaw(disk: LocalDisk, sizeBytes: number): Promise<void> {
  if (disk.format === 'raw') await truncate(disk.path, Math.max(512, Math.ceil(sizeBytes / 512) * 512));
}

async function growQcow2(path: string, sizeBytes: number, qemuImgPath: string): Promise<void> {
  try {
    await execa(qemuImgPath, ['resize', '-q', '-f', 'qcow2', path, String(sizeBytes)], {
      timeout: QEMU_IMG_TIMEOUT_MS,
      stdin: 'ignore',
    });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(cause) === 'ENOENT') throw programMissing(qemuImgPath);
    throw new Error(`qemu-img resize failed: ${String(error).slice(0, MOST_STDERR_CHARACTERS)}`, { cause: error });
  }
}

function refused(why: string): ApiError {
  return new ApiError({ status: 400, code: 'ImageUnacceptable', message: `The image cannot be booted: ${why}.` });
}
