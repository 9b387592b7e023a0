import { createHash } from 'node:crypto';
import { ImageInspection } from '../../common/image-format/inspection.ts';
import type { ContainerFormat, DiskFormat } from '../contract.ts';
import { brokenUpload, tooLarge, unsupportedFormat } from '../errors.ts';
import { judgeFormat } from './judge-format.ts';

export interface DeclaredData {
  diskFormat: DiskFormat;
  containerFormat: ContainerFormat;
  /** Length that the client announced, in bytes. */
  announcedBytes: number | undefined;
  mostBytes: number;
}

/** What passed through, known once all of it has. */
export interface ReceivedData {
  sizeBytes: number;
  virtualSizeBytes: number | null;
  md5: string;
  sha512: string;
}

/** Hashes, measures and inspects an image's bytes on their way to a store. */
export class DataReceiver {
  private readonly declared: DeclaredData;
  private readonly inspection: ImageInspection | undefined;
  private readonly md5 = createHash('md5');
  private readonly sha512 = createHash('sha512');
  private sizeBytes = 0;
  private result: ReceivedData | undefined;

  constructor(declared: DeclaredData) {
    this.declared = declared;
    this.inspection = isInspected(declared) ? new ImageInspection() : undefined;
  }

  /**
   * Lets the bytes through.
   *
   * @throws ApiError 413 past the size limit, 415 as soon as the bytes are seen to be dangerous or not what was declared: at the
   * latest instead of the end, so that no store takes the image for complete.
   */
  async *pass(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
    for await (const chunk of source) {
      this.take(chunk);
      yield chunk;
    }
    this.result = this.finish();
  }

  /** What came through, or undefined if it did not come through to its end. */
  get received(): ReceivedData | undefined {
    return this.result;
  }

  private take(chunk: Buffer): void {
    this.sizeBytes += chunk.length;
    const { mostBytes, announcedBytes } = this.declared;
    if (this.sizeBytes > mostBytes) throw tooLarge(`The image is larger than the limit of ${mostBytes} bytes.`);
    if (announcedBytes !== undefined && this.sizeBytes > announcedBytes) throw brokenUpload(undefined);
    this.md5.update(chunk);
    this.sha512.update(chunk);
    this.inspection?.write(chunk);
    const hazard = this.inspection?.hazard;
    if (hazard !== undefined) throw unsupportedFormat(`Image content was refused: ${hazard}.`);
  }

  private finish(): ReceivedData {
    if (this.sizeBytes < (this.declared.announcedBytes ?? 0)) throw brokenUpload(undefined);
    const report = this.inspection?.finish();
    return {
      sizeBytes: this.sizeBytes,
      virtualSizeBytes: report ? judgeFormat(this.declared.diskFormat, report) : null,
      md5: this.md5.digest('hex'),
      sha512: this.sha512.digest('hex'),
    };
  }
}

/** Kernels and ramdisks are opaque; what a container other than `bare` wraps is not looked into. */
function isInspected({ diskFormat, containerFormat }: DeclaredData): boolean {
  return containerFormat === 'bare' && !['aki', 'ari', 'ami'].includes(diskFormat);
}
