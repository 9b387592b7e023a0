import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { syncDirectory } from '../../common/files/durable-file.ts';
import { ImageInspection, type InspectionReport } from '../../common/image-format/inspection.ts';
import type { ComputeContext } from '../context.ts';
import type { GuestSpec, LocalDisk } from '../hypervisor/contract.ts';
import { DEFAULT_COMMAND_LINE } from '../limits.ts';
import type { DirectBoot, ServerRecord } from '../store/records.ts';
import { finishRootDisk } from './root-disk.ts';

const HOLE_BYTES = 65_536;
const HOLE = Buffer.alloc(HOLE_BYTES);

type LocalBoot = Pick<GuestSpec, 'rootDisk' | 'kernel'>;

/**
 * Fetches what the server boots from into its folder: root disk, kernel, initial RAM disk. A file is there under its name only when it is
 * whole: after a crash what is there is kept, what is missing is fetched.
 *
 * @param token whose images they are; the service's own where a restart lost the user's.
 */
export async function prepareDisks(
  context: ComputeContext,
  server: ServerRecord,
  token: string,
  signal: AbortSignal,
): Promise<void> {
  const { image, directBoot } = server;
  const folder = folderOf(context, server.id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const fetch = (id: string, name: string, finish?: FinishFile) =>
    fetchImage(context, { id, path: join(folder, name), token, signal, ...(finish && { finish }) });
  if (image) {
    await fetch(image.id, 'root', (path, report) =>
      finishRootDisk({ path, format: image.diskFormat }, report, server.flavor.diskGib, context.config.qemu_img_path),
    );
  }
  if (directBoot) await fetch(directBoot.kernelId, 'kernel');
  if (directBoot?.ramdiskId) await fetch(directBoot.ramdiskId, 'ramdisk');
}

/** The part of a guest that `prepareDisks` has made. */
export function localBootOf(context: ComputeContext, server: ServerRecord): LocalBoot {
  const { image, directBoot } = server;
  const folder = folderOf(context, server.id);
  const rootDisk: LocalDisk | undefined = image ? { path: join(folder, 'root'), format: image.diskFormat } : undefined;
  return { ...(rootDisk && { rootDisk }), ...(directBoot && { kernel: kernelOf(directBoot, folder) }) };
}

function kernelOf({ ramdiskId, commandLine }: DirectBoot, folder: string): NonNullable<LocalBoot['kernel']> {
  return {
    path: join(folder, 'kernel'),
    commandLine: commandLine ?? DEFAULT_COMMAND_LINE,
    ...(ramdiskId !== null && { initrdPath: join(folder, 'ramdisk') }),
  };
}

export async function removeDisks(context: ComputeContext, serverId: string): Promise<void> {
  await rm(folderOf(context, serverId), { recursive: true, force: true });
}

function folderOf(context: ComputeContext, serverId: string): string {
  return join(context.instancesFolder, serverId);
}

type FinishFile = (path: string, report: InspectionReport) => Promise<void>;

interface Fetch {
  id: string;
  path: string;
  token: string;
  signal: AbortSignal;
  /** Done with the whole file before it gets its name. */
  finish?: FinishFile;
}

async function fetchImage(context: ComputeContext, { id, path, token, signal, finish }: Fetch): Promise<void> {
  if (await isThere(path)) return;
  const partial = `${path}.part`;
  const report = await writeSparsely(await context.images.data(token, id), partial, signal);
  await finish?.(partial, report);
  await rename(partial, path);
  await syncDirectory(join(path, '..'));
}

/** Streams into a file, leaving holes where the bytes are zero, and finds out what they are. */
async function writeSparsely(data: Readable, path: string, signal: AbortSignal): Promise<InspectionReport> {
  const inspection = new ImageInspection();
  const file = await open(path, 'w', 0o600);
  try {
    let length = 0;
    await pipeline(
      data,
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          inspection.write(chunk);
          for (let at = 0; at < chunk.length; at += HOLE_BYTES) {
            const piece = chunk.subarray(at, at + HOLE_BYTES);
            if (!piece.equals(HOLE.subarray(0, piece.length))) await writeAll(file, piece, length);
            length += piece.length;
          }
        }
      },
      { signal },
    );
    await file.truncate(length);
    await file.sync();
    return inspection.finish();
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
