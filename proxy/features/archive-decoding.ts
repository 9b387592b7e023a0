import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ApiError, systemErrorCode } from '../../common/errors.ts';
import { refusal } from '../errors.ts';

/** How the tar is packed. */
export type ArchiveKind = 'plain' | 'gzip' | 'bzip2';

const KINDS: ReadonlyMap<string, ArchiveKind> = new Map([
  ['tar', 'plain'],
  ['tar.gz', 'gzip'],
  ['tar.bz2', 'bzip2'],
]);

/** @param format of `extract-archive`. @returns undefined for what is none of these. */
export function archiveKindOf(format: string): ArchiveKind | undefined {
  return KINDS.get(format.toLowerCase().replace(/^\.+|\.+$/g, ''));
}

/** The tar itself. @throws ApiError 400 for what is not packed so, 501 where this machine cannot unpack it. */
export function unpacked(kind: ArchiveKind, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (kind === 'plain') return chunks;
  return kind === 'gzip' ? gunzipped(chunks) : bunzipped(chunks);
}

async function* gunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  pipeline(Readable.from(chunks, { objectMode: false }), gunzip, () => {}); // what fails is thrown below
  try {
    yield* gunzip;
  } catch (error) {
    throw error instanceof ApiError ? error : invalidArchive(error);
  } finally {
    gunzip.destroy();
  }
}

/** The system's own bzip2, in a process of its own: in this one a block of it would hold up everybody for a tenth of a second. */
async function* bunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const child = spawn('bzip2', ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  let failure: unknown;
  child.on('error', (error) => {
    failure = error;
  });
  const ended = once(child, 'close');
  ended.catch(() => undefined); // that it could not start is told above
  pipeline(Readable.from(chunks, { objectMode: false }), child.stdin, (error) => {
    // The client's body has ended badly; that the process has closed its end says nothing.
    if (!error || systemErrorCode(error) === 'EPIPE') return;
    failure ??= error;
    child.kill();
  });
  try {
    yield* child.stdout;
    const [code] = failure === undefined ? await ended : [1];
    if (failure instanceof ApiError) throw failure;
    if (systemErrorCode(failure) === 'ENOENT')
      throw refusal(501, { body: 'Archives in bz2 need the program bzip2, which this server does not have.' });
    if (code !== 0) throw invalidArchive(failure ?? new Error('not in bz2 format'));
  } finally {
    child.kill();
  }
}

export function invalidArchive(error: unknown): ApiError {
  const what = error instanceof Error ? error.message : String(error);
  return refusal(400, { body: `Invalid Tar File: ${what}`, cause: error });
}
