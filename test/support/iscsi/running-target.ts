import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DiskCalls } from '../../../volume/iscsi/backing/extent-file.ts';
import { IscsiServer } from '../../../volume/iscsi/server.ts';
import type { TargetExport } from '../../../volume/targets/contract.ts';
import { Initiator, type LoginOptions } from './initiator.ts';
import { noPuncher } from './no-puncher.ts';

export const SIZE_BYTES = 8 * 1024 * 1024;

/** The iSCSI server in this thread, with files to export, and what it logged. */
export class RunningTarget {
  readonly server: IscsiServer;
  readonly logged: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'martlet-iscsi-'));
  readonly #initiators: Initiator[] = [];

  constructor(options: { loginTimeoutMs?: number; disk?: DiskCalls } = {}) {
    const note = (fields: object, message: string) => void this.logged.push(`${message} ${JSON.stringify(fields)}`);
    const log = { debug: note, info: note, warn: note, error: note };
    this.server = new IscsiServer({ address: '127.0.0.1', port: 0, log, puncher: noPuncher, ...options });
  }

  /** What may be exported: volume `name`, for `initiatorName`. */
  definition(name: string, changes: Partial<TargetExport> = {}): TargetExport {
    const path = this.file(name);
    return {
      iqn: `iqn.2026-11.test:${name}`,
      lun: 1,
      sizeBytes: SIZE_BYTES,
      extents: [{ path, offsetBytes: 0, lengthBytes: SIZE_BYTES }],
      readOnly: false,
      chap: { username: 'alice', secret: 'very-secret-word' },
      initiatorName: 'iqn.2026-11.test:host',
      serial: `serial-${name}`,
      ...changes,
    };
  }

  /** A sparse file of SIZE_BYTES. */
  file(name: string): string {
    const path = join(this.#folder, `${name}.raw`);
    writeFileSync(path, '', { flag: 'a' });
    truncateSync(path, SIZE_BYTES);
    return path;
  }

  bytes(name: string): Buffer {
    return readFileSync(join(this.#folder, `${name}.raw`));
  }

  async connect(): Promise<Initiator> {
    const initiator = await Initiator.connect(this.server.portal.port);
    this.#initiators.push(initiator);
    return initiator;
  }

  /** Logs in to `name` with the right secret, and takes the power-on attention. */
  async session(name: string, changes: Partial<LoginOptions> = {}): Promise<Initiator> {
    const initiator = await this.connect();
    const status = await initiator.login({
      initiatorName: 'iqn.2026-11.test:host',
      targetName: `iqn.2026-11.test:${name}`,
      username: 'alice',
      secret: 'very-secret-word',
      ...changes,
    });
    if (status !== 0) throw new Error(`login refused: 0x${status.toString(16)}`);
    if (changes.discovery !== true) await initiator.command([0x00]);
    return initiator;
  }

  async stop(): Promise<void> {
    await this.server.stop();
    for (const initiator of this.#initiators) initiator.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
