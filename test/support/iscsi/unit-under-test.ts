import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DiskCalls, ExtentFile, systemDisk } from '../../../volume/iscsi/backing/extent-file.ts';
import { BLOCK_BYTES, type Lun } from '../../../volume/iscsi/scsi/command.ts';
import { LogicalUnit } from '../../../volume/iscsi/scsi/logical-unit.ts';
import { Nexus } from '../../../volume/iscsi/scsi/nexus.ts';
import { runCommand } from '../../../volume/iscsi/scsi/run-command.ts';
import { ScsiError, type Sense } from '../../../volume/iscsi/scsi/sense.ts';
import { noPuncher } from './no-puncher.ts';

export interface CommandOutcome {
  status: number;
  sense: Sense | undefined;
  data: Buffer;
}

/** A logical unit on a real sparse file, driven below the wire: CDBs in, status, sense and data out. */
export class UnitUnderTest {
  readonly path: string;
  readonly lun: Lun;
  readonly first: Nexus;
  readonly second: Nexus;
  readonly disk: DiskCalls;
  readonly #folder: string;

  private constructor(folder: string, lun: Lun, disk: DiskCalls) {
    this.#folder = folder;
    this.path = join(folder, 'lun.raw');
    this.lun = lun;
    this.disk = disk;
    this.first = new Nexus('iqn.2026-11.test:first,i,0x000000000001', async () => {});
    this.second = new Nexus('iqn.2026-11.test:second,i,0x000000000002', async () => {});
    for (const nexus of [this.first, this.second]) {
      lun.unit.join(nexus);
      nexus.takeAttention();
    }
  }

  static async create(options: { blocks?: number; readOnly?: boolean; disk?: Partial<DiskCalls> } = {}) {
    const { blocks = 16_384, readOnly = false } = options;
    const folder = mkdtempSync(join(tmpdir(), 'martlet-lun-'));
    const path = join(folder, 'lun.raw');
    writeFileSync(path, '');
    truncateSync(path, blocks * BLOCK_BYTES);
    const disk = { ...systemDisk, ...options.disk };
    const extents = [{ path, offsetBytes: 0, lengthBytes: blocks * BLOCK_BYTES }];
    const unit = new LogicalUnit(await ExtentFile.open(extents, noPuncher, disk));
    return new UnitUnderTest(folder, { lun: 1, sizeBlocks: blocks, readOnly, serial: SERIAL, unit }, disk);
  }

  /** Runs a CDB (padded to 16 bytes) and says how it ended. */
  async run(
    cdb: readonly number[],
    options: { out?: Buffer; nexus?: Nexus; addressed?: boolean } = {},
  ): Promise<CommandOutcome> {
    const { out = Buffer.alloc(0), nexus = this.first, addressed = true } = options;
    const sent: Buffer[] = [];
    const padded = Buffer.alloc(16);
    padded.set(cdb);
    const transfer = {
      expectedOutBytes: out.length,
      receive: async (lengthBytes: number) => [out.subarray(0, lengthBytes)],
      send: async (data: Buffer) => void sent.push(data),
    };
    const command = { cdb: padded, lun: this.lun, addressed, nexus, transfer, signal: { aborted: false } };
    try {
      const last = await runCommand(command);
      return { status: 0, sense: undefined, data: Buffer.concat(last === undefined ? sent : [...sent, last]) };
    } catch (error) {
      if (!(error instanceof ScsiError)) throw error;
      return { status: error.status, sense: error.sense, data: Buffer.concat(sent) };
    }
  }

  async close(): Promise<void> {
    await this.lun.unit.backing.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export const SERIAL = '5b4f2f0e-2f5c-4b0e-9d2e-0123456789ab';

/** Big-endian bytes of a number. */
export function be(value: number, bytes: number): number[] {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return [...buffer.subarray(8 - bytes)];
}

/** CDBs of the reading and writing families, by their opcode. */
export function rwCdb(opcode: number, lba: number, blocks: number, flags = 0): number[] {
  switch (opcode >>> 5) {
    case 0:
      return [opcode, ...be(lba, 3), blocks & 0xff, 0];
    case 5:
      return [opcode, flags, ...be(lba, 4), ...be(blocks, 4), 0, 0];
    case 4:
      return [opcode, flags, ...be(lba, 8), ...be(blocks, 4), 0, 0];
    default:
      return [opcode, flags, ...be(lba, 4), 0, ...be(blocks, 2), 0];
  }
}
