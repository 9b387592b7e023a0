import { execa } from 'execa';
import { PUNCH_TIMEOUT_MS } from '../limits.ts';
import { Semaphore } from './semaphore.ts';

/** Only whole blocks of the file system become holes; the rest of a range is overwritten. */
export const PUNCH_ALIGNMENT_BYTES = 4096;

/** Gives the space of a range back, leaving zeros. */
export interface HolePuncher {
  /** @returns false if the range could not be punched and still holds what it held, or any part of it. */
  punch(path: string, offsetBytes: number, lengthBytes: number): Promise<boolean>;
}

/**
 * Punches with util-linux's `fallocate`: Node has no call for it. One of these per volume: it runs one program at a time, and when the
 * program is missing, or the file system cannot, `punch` says so and is not tried again.
 */
export class FallocatePuncher implements HolePuncher {
  readonly #unable = new Set<string>();
  readonly #oneAtATime = new Semaphore(1);
  #missing = false;

  async punch(path: string, offsetBytes: number, lengthBytes: number): Promise<boolean> {
    if (this.#missing || this.#unable.has(path)) return false;
    const { failed, code } = await this.#oneAtATime.run(() =>
      execa(
        'fallocate',
        ['--punch-hole', '--keep-size', '--offset', String(offsetBytes), '--length', String(lengthBytes), '--', path],
        { reject: false, stdin: 'ignore', timeout: PUNCH_TIMEOUT_MS, maxBuffer: 4096 },
      ),
    );
    if (!failed) return true;
    if (code === 'ENOENT') this.#missing = true;
    else this.#unable.add(path);
    return false;
  }
}
