import type { LogicalUnit } from './logical-unit.ts';
import type { Nexus } from './nexus.ts';

export const BLOCK_BYTES = 512;
/** Physical block: what writes should be aligned to. */
export const PHYSICAL_BLOCK_BYTES = 4096;

/** A logical unit as one target shows it. */
export interface Lun {
  lun: number;
  sizeBlocks: number;
  readOnly: boolean;
  /** The volume's id. */
  serial: string;
  unit: LogicalUnit;
}

/** How data gets from and to the initiator. */
export interface DataTransfer {
  /** Bytes of data-out that the initiator means to send. */
  readonly expectedOutBytes: number;
  /**
   * Asks for the command's data-out: `lengthBytes` by the CDB. Called at most once.
   *
   * @returns what came, in pieces: fewer bytes if the initiator expected to send fewer.
   * @throws ScsiError if the data phase fails.
   */
  receive(lengthBytes: number): Promise<Buffer[]>;
  /** Sends a piece of data-in that is not the last one; resolves when the next one may be read. */
  send(data: Buffer): Promise<void>;
}

/** A command on its way through its handler. */
export interface Command {
  /** 16 bytes; shorter CDBs are padded with zeros. */
  cdb: Buffer;
  lun: Lun;
  nexus: Nexus;
  transfer: DataTransfer;
  /** `aborted` once the initiator has given the command up: long work stops at the next piece. */
  readonly signal: { readonly aborted: boolean };
}

/**
 * Does what a command says.
 *
 * @returns the last piece of data-in, for commands that have any. Ends with GOOD.
 * @throws ScsiError for any other end.
 */
export type Handler = (command: Command) => Promise<Buffer | undefined>;
