import { mkdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ApiError } from '../common/errors.ts';
import { publishFile } from '../common/files/durable-file.ts';
import { RingBuilder } from './builder/builder.ts';
import { decodeBuilder, encodeBuilder } from './builder-format.ts';
import type { RingData } from './contract.ts';
import { malformedFile } from './errors.ts';
import { MAX_FILE_BYTES } from './limits.ts';
import { decodeRing, encodeRing } from './ring-format.ts';

/** Every process of the cluster may read a ring; it holds no secret. */
const MODE = 0o644;

/**
 * Loads a `.ring.gz` file.
 *
 * @throws ApiError RingFileMalformed, naming the file and what is wrong with it; the system's error when it cannot be read.
 */
export async function loadRing(path: string): Promise<RingData> {
  return (await RingFile.open(path)).data;
}

/** Publishes a ring: who loads it at any moment gets the old ring or the new one. */
export async function publishRing(path: string, data: RingData): Promise<void> {
  await publishFile(path, encodeRing(data), { mode: MODE });
}

/** Loads a builder's file; throws as `loadRing`. */
export async function loadBuilder(path: string): Promise<RingBuilder> {
  return new RingBuilder(decodeAs(path, await readFile(path), decodeBuilder));
}

export async function publishBuilder(path: string, builder: RingBuilder): Promise<void> {
  await publishFile(path, encodeBuilder(builder.state), { mode: MODE });
}

/**
 * Keeps a copy of what was just published, as `backups/<seconds>.<name>` beside it.
 *
 * @param nowSeconds seconds since 1970.
 */
export async function backUp(path: string, nowSeconds: number): Promise<void> {
  const folder = join(dirname(path), 'backups');
  await mkdir(folder, { recursive: true });
  const copy = join(folder, `${Math.floor(nowSeconds)}.${basename(path)}`);
  await publishFile(copy, await readFile(path), { mode: MODE });
}

/** A ring file that is looked at again from time to time. */
export class RingFile {
  readonly path: string;
  #data: RingData;
  #stamp: string;

  private constructor(path: string, data: RingData, stamp: string) {
    this.path = path;
    this.#data = data;
    this.#stamp = stamp;
  }

  static async open(path: string): Promise<RingFile> {
    // The stamp comes first: a file replaced in between is loaded once more, never missed.
    const stamp = await stampOf(path);
    return new RingFile(path, decodeAs(path, await readFile(path), decodeRing), stamp);
  }

  get data(): RingData {
    return this.#data;
  }

  /**
   * Loads the file if it was replaced.
   *
   * @returns whether there is new data. Throws as `loadRing`, and then the old data stays.
   */
  async reload(): Promise<boolean> {
    const stamp = await stampOf(this.path);
    if (stamp === this.#stamp) return false;
    this.#data = decodeAs(this.path, await readFile(this.path), decodeRing);
    this.#stamp = stamp;
    return true;
  }
}

async function stampOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  if (size > MAX_FILE_BYTES) throw malformedFile(`${path}: larger than ${MAX_FILE_BYTES} bytes`);
  return `${ino} ${size} ${mtimeNs}`;
}

function decodeAs<T>(path: string, content: Buffer, decode: (content: Buffer) => T): T {
  try {
    return decode(content);
  } catch (error) {
    if (error instanceof ApiError) throw malformedFile(`${path}: ${error.message}`, error);
    throw error;
  }
}
