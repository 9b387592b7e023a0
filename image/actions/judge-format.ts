import type { InspectionReport } from '../../common/image-format/inspection.ts';
import type { DetectedFormat } from '../../common/image-format/inspector.ts';
import type { DiskFormat } from '../contract.ts';
import { unsupportedFormat } from '../errors.ts';

/**
 * Whether an image may be what it was declared to be.
 *
 * @returns the size of the disk inside, in bytes. What is declared `raw` is that to everybody who opens it, whatever it looks
 * like: then the size is the number of bytes.
 * @throws ApiError 415 saying what was declared and what was found.
 * Spec: Glance, "Image content inspection".
 */
export function judgeFormat(declared: DiskFormat, report: InspectionReport): number {
  if (report.hazard !== undefined) throw unsupportedFormat(`Image content was refused: ${report.hazard}.`);
  if (declared === 'raw') return report.sizeBytes;
  if (report.format !== declared)
    throw unsupportedFormat(
      `Image content does not match disk_format: '${declared}' was declared, '${nameOf(report.format)}' was found.`,
    );
  return report.virtualSizeBytes;
}

function nameOf(format: DetectedFormat): string {
  return format === 'gpt' || format === 'mbr' ? `raw (${format})` : format;
}
