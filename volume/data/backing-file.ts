import { type FileHandle, open } from 'node:fs/promises';
import { invariant } from '../../common/errors.ts';
import type { VolumeBacking } from '../drivers/contract.ts';

/** A volume's bytes, opened: positions are the volume's, the extents behind them do not show. */
export class BackingFile {
  private readonly backing: VolumeBacking;
  private readonly handles: ReadonlyMap<string, FileHandle>;

  private constructor(backing: VolumeBacking, handles: ReadonlyMap<string, FileHandle>) {
    this.backing = backing;
    this.handles = handles;
  }

  static async open(backing: VolumeBacking, flags: 'r' | 'r+'): Promise<BackingFile> {
    const handles = new Map<string, FileHandle>();
    try {
      for (const { path } of backing.extents) if (!handles.has(path)) handles.set(path, await open(path, flags));
    } catch (error) {
      for (const handle of handles.values()) await handle.close();
      throw error;
    }
    return new BackingFile(backing, handles);
  }

  /** Reads until `buffer` is full. */
  async read(buffer: Uint8Array, position: number): Promise<void> {
    await this.each(buffer, position, async (handle, part, at) => {
      for (let done = 0; done < part.length; ) {
        const { bytesRead } = await handle.read(part, done, part.length - done, at + done);
        invariant(bytesRead > 0, 'a backing file ends before its extent does');
        done += bytesRead;
      }
    });
  }

  async write(buffer: Uint8Array, position: number): Promise<void> {
    await this.each(buffer, position, async (handle, part, at) => {
      for (let done = 0; done < part.length; ) {
        const { bytesWritten } = await handle.write(part, done, part.length - done, at + done);
        done += bytesWritten;
      }
    });
  }

  async sync(): Promise<void> {
    for (const handle of this.handles.values()) await handle.datasync();
  }

  async close(): Promise<void> {
    for (const handle of this.handles.values()) await handle.close();
  }

  private async each(
    buffer: Uint8Array,
    position: number,
    transfer: (handle: FileHandle, part: Uint8Array, at: number) => Promise<void>,
  ): Promise<void> {
    invariant(
      position >= 0 && position + buffer.length <= this.backing.sizeBytes,
      'a transfer stays within the volume',
    );
    let start = 0;
    for (const { path, offsetBytes, lengthBytes } of this.backing.extents) {
      const from = Math.max(position, start);
      const to = Math.min(position + buffer.length, start + lengthBytes);
      const handle = this.handles.get(path);
      if (from < to && handle) {
        await transfer(handle, buffer.subarray(from - position, to - position), offsetBytes + from - start);
      }
      start += lengthBytes;
    }
  }
}
