import { ApiError } from '../errors.ts';
import { xxh64 } from '../xxh64.ts';

/** Content type of a body that is a sequence of frames. */
export const FRAMES_TYPE = 'application/x-martlet-frames';

/** What a frame means. `END` and `ERROR` are final: a stream that stops before one of them was cut, and counts for nothing. */
export const FRAME = { JSON: 1, DATA: 2, END: 3, ERROR: 4 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  type: FrameType;
  payload: Buffer;
}

/** Longest payload; longer data is cut into several frames. */
export const MOST_FRAME_BYTES = 256 << 10;

const HEADER_BYTES = 5;
const CHECKSUM_BYTES = 8;

/**
 * Makes the frames of one direction of one exchange. Each carries an xxh64 seeded with its number, so that a frame that is lost,
 * repeated or changed is noticed.
 *
 * Spec: docs/formats/object-backend.md
 */
export class FrameEncoder {
  private ordinal = 0n;

  /** Copies: `payload`'s memory is free again at once. */
  encode(type: FrameType, payload: Uint8Array): Buffer {
    const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length + CHECKSUM_BYTES);
    frame.writeUInt8(type, 0);
    frame.writeUInt32BE(payload.length, 1);
    frame.set(payload, HEADER_BYTES);
    frame.writeBigUInt64BE(xxh64(payload, this.ordinal), HEADER_BYTES + payload.length);
    this.ordinal += 1n;
    return frame;
  }

  encodeJson(type: FrameType, value: unknown): Buffer {
    return this.encode(type, Buffer.from(JSON.stringify(value)));
  }
}

/** Takes frames from the bytes of a stream. */
export class FrameDecoder {
  private readonly source: AsyncIterator<Uint8Array>;
  private ordinal = 0n;
  private rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /**
   * @returns the next frame; its memory is the caller's until the next call.
   * @throws ApiError `BrokenStream` 400 when the stream ends, or is no sequence of whole frames.
   */
  async next(): Promise<Frame> {
    const header = await this.take(HEADER_BYTES);
    const type = header.readUInt8(0);
    const length = header.readUInt32BE(1);
    if (!isFrameType(type) || length > MOST_FRAME_BYTES) throw broken('it holds something that is no frame');
    const body = await this.take(length + CHECKSUM_BYTES);
    const payload = body.subarray(0, length);
    if (xxh64(payload, this.ordinal) !== body.readBigUInt64BE(length)) throw broken('a frame was changed on its way');
    this.ordinal += 1n;
    return { type, payload };
  }

  private async take(bytes: number): Promise<Buffer> {
    const parts = [this.rest];
    let have = this.rest.length;
    while (have < bytes) {
      const { done, value } = await this.source.next();
      if (done) throw broken('it ended early');
      parts.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      have += value.byteLength;
    }
    const whole = parts.length === 1 ? this.rest : Buffer.concat(parts, have);
    this.rest = whole.subarray(bytes);
    return whole.subarray(0, bytes);
  }
}

export function parseFrameJson({ payload }: Frame): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch (error) {
    throw broken('a frame that should be JSON is none', error);
  }
}

function isFrameType(type: number): type is FrameType {
  return type >= FRAME.JSON && type <= FRAME.ERROR;
}

function broken(how: string, cause?: unknown): ApiError {
  return new ApiError({
    status: 400,
    code: 'BrokenStream',
    message: `The stream between two nodes is broken: ${how}.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
