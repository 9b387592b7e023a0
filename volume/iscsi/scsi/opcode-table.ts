import type { Handler } from './command.ts';
import { inquiry } from './inquiry.ts';
import { modeSelect, modeSense } from './mode-sense.ts';
import { readFullStatus, readKeys, readReservation, reportCapabilities } from './persistent-reserve-in.ts';
import {
  clear,
  preempt,
  preemptAndAbort,
  register,
  registerAndIgnoreExistingKey,
  releasePersistent,
  reservePersistently,
} from './persistent-reserve-out.ts';
import { read } from './read.ts';
import { getLbaStatus, readCapacity10, readCapacity16 } from './read-capacity.ts';
import { compareAndWrite, orWrite } from './read-modify-write.ts';
import { listLuns } from './report-luns.ts';
import { requestSense } from './request-sense.ts';
import { release, reserve } from './reserve.ts';
import { startStopUnit, testUnitReady } from './start-stop-unit.ts';
import { reportSupportedOpcodes } from './supported-opcodes.ts';
import { preFetch, synchronizeCache } from './synchronize-cache.ts';
import { unmap } from './unmap.ts';
import { verify } from './verify.ts';
import { write, writeAndVerify } from './write.ts';
import { writeSame } from './write-same.ts';

/**
 * What a reservation of somebody else does to a command. `never` conflicts; `legacy`: only RESERVE(6) stops it; `read`: exclusive
 * access stops it; `write`: any reservation stops it. Spec: SPC-4, 5.13.1, table 65; SPC-2, 5.5; SBC-3, table 13
 */
type Conflict = 'never' | 'legacy' | 'read' | 'write';

export interface OpcodeEntry {
  name: string;
  opcode: number;
  /** For opcodes that are families. */
  serviceAction?: number;
  /** CDB usage data: the opcode, then a mask of the bits that we read; as long as the CDB. Spec: SPC-4, 6.35.3 */
  usage: readonly number[];
  conflict: Conflict;
  /** Changes the medium: refused on a read-only export. */
  writes: boolean;
  /** Reports a pending unit attention instead of running. Spec: SPC-4, 5.10 (exceptions) */
  reportsAttention: boolean;
  handle: Handler;
}

/** Masks of the common CDB layouts, from byte 1 on. */
const LBA4 = [0xff, 0xff, 0xff, 0xff];
const LBA8 = [...LBA4, ...LBA4];
const rw6 = [0x1f, 0xff, 0xff, 0xff, 0x07];
const rw10 = (flags: number) => [flags, ...LBA4, 0x1f, 0xff, 0xff, 0x07];
const rw12 = (flags: number) => [flags, ...LBA4, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x07];
const rw16 = (flags: number) => [flags, ...LBA8, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x07];
const short = (...masks: number[]) => [...masks, 0x07];

type Options = Partial<Pick<OpcodeEntry, 'conflict' | 'writes' | 'reportsAttention' | 'serviceAction'>>;

function entry(name: string, opcode: number, masks: readonly number[], handle: Handler, options: Options): OpcodeEntry {
  return {
    name,
    opcode,
    usage: [opcode, ...masks],
    handle,
    conflict: 'never',
    writes: false,
    reportsAttention: true,
    ...options,
  };
}

const reads: Options = { conflict: 'read' };
const writes: Options = { conflict: 'write', writes: true };
const action = (serviceAction: number, options: Options = {}): Options => ({ ...options, serviceAction });
const prin = (serviceAction: number) => short(serviceAction, 0, 0, 0, 0, 0, 0xff, 0xff);
const prout = (serviceAction: number) => short(serviceAction, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff);

const reportOpcodes = reportSupportedOpcodes(() => ENTRIES);

export const REPORT_LUNS = 0xa0;
export const INQUIRY = 0x12;

const ENTRIES: readonly OpcodeEntry[] = [
  entry('TEST UNIT READY', 0x00, short(0, 0, 0, 0), testUnitReady, { conflict: 'legacy' }),
  entry('REQUEST SENSE', 0x03, short(0x01, 0, 0, 0xff), requestSense, { reportsAttention: false }),
  entry('READ(6)', 0x08, rw6, read, reads),
  entry('WRITE(6)', 0x0a, rw6, write, writes),
  entry('INQUIRY', INQUIRY, short(0x01, 0xff, 0xff, 0xff), inquiry, { reportsAttention: false }),
  entry('MODE SELECT(6)', 0x15, short(0x11, 0, 0, 0xff), modeSelect, { conflict: 'write' }),
  entry('RESERVE(6)', 0x16, short(0, 0, 0, 0), reserve, { conflict: 'legacy' }),
  entry('RELEASE(6)', 0x17, short(0, 0, 0, 0), release, {}),
  entry('MODE SENSE(6)', 0x1a, short(0x08, 0xff, 0xff, 0xff), modeSense, { conflict: 'write' }),
  entry('START STOP UNIT', 0x1b, short(0x01, 0, 0, 0xf7), startStopUnit, { conflict: 'write' }),
  entry('READ CAPACITY(10)', 0x25, short(0, ...LBA4, 0, 0, 0x01), readCapacity10, { conflict: 'legacy' }),
  entry('READ(10)', 0x28, rw10(0xf8), read, reads),
  entry('WRITE(10)', 0x2a, rw10(0xf8), write, writes),
  entry('WRITE AND VERIFY(10)', 0x2e, rw10(0xf6), writeAndVerify, writes),
  entry('VERIFY(10)', 0x2f, rw10(0xf6), verify, reads),
  entry('PRE-FETCH(10)', 0x34, rw10(0x02), preFetch, reads),
  entry('SYNCHRONIZE CACHE(10)', 0x35, rw10(0x02), synchronizeCache, { conflict: 'write' }),
  entry('WRITE SAME(10)', 0x41, rw10(0xf8), writeSame, writes),
  entry('UNMAP', 0x42, short(0x01, 0, 0, 0, 0, 0x1f, 0xff, 0xff), unmap, writes),
  entry('MODE SELECT(10)', 0x55, short(0x11, 0, 0, 0, 0, 0, 0xff, 0xff), modeSelect, { conflict: 'write' }),
  entry('RESERVE(10)', 0x56, short(0, 0, 0, 0, 0, 0, 0, 0), reserve, { conflict: 'legacy' }),
  entry('RELEASE(10)', 0x57, short(0, 0, 0, 0, 0, 0, 0, 0), release, {}),
  entry('MODE SENSE(10)', 0x5a, short(0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff), modeSense, { conflict: 'write' }),
  entry('READ KEYS', 0x5e, prin(0x00), readKeys, action(0x00)),
  entry('READ RESERVATION', 0x5e, prin(0x01), readReservation, action(0x01)),
  entry('REPORT CAPABILITIES', 0x5e, prin(0x02), reportCapabilities, action(0x02)),
  entry('READ FULL STATUS', 0x5e, prin(0x03), readFullStatus, action(0x03)),
  entry('REGISTER', 0x5f, prout(0x00), register, action(0x00, { conflict: 'legacy' })),
  entry('RESERVE', 0x5f, prout(0x01), reservePersistently, action(0x01, { conflict: 'legacy' })),
  entry('RELEASE', 0x5f, prout(0x02), releasePersistent, action(0x02, { conflict: 'legacy' })),
  entry('CLEAR', 0x5f, prout(0x03), clear, action(0x03, { conflict: 'legacy' })),
  entry('PREEMPT', 0x5f, prout(0x04), preempt, action(0x04, { conflict: 'legacy' })),
  entry('PREEMPT AND ABORT', 0x5f, prout(0x05), preemptAndAbort, action(0x05, { conflict: 'legacy' })),
  entry(
    'REGISTER AND IGNORE EXISTING KEY',
    0x5f,
    prout(0x06),
    registerAndIgnoreExistingKey,
    action(0x06, { conflict: 'legacy' }),
  ),
  entry('READ(16)', 0x88, rw16(0xf8), read, reads),
  entry('COMPARE AND WRITE', 0x89, [0xf8, ...LBA8, 0, 0, 0, 0xff, 0x1f, 0x07], compareAndWrite, writes),
  entry('WRITE(16)', 0x8a, rw16(0xf8), write, writes),
  entry('ORWRITE(16)', 0x8b, rw16(0xf8), orWrite, writes),
  entry('WRITE AND VERIFY(16)', 0x8e, rw16(0xf6), writeAndVerify, writes),
  entry('VERIFY(16)', 0x8f, rw16(0xf6), verify, reads),
  entry('PRE-FETCH(16)', 0x90, rw16(0x02), preFetch, reads),
  entry('SYNCHRONIZE CACHE(16)', 0x91, rw16(0x02), synchronizeCache, { conflict: 'write' }),
  entry('WRITE SAME(16)', 0x93, rw16(0xf9), writeSame, writes),
  entry(
    'READ CAPACITY(16)',
    0x9e,
    [0x10, ...LBA8, 0xff, 0xff, 0xff, 0xff, 0x01, 0x07],
    readCapacity16,
    action(0x10, { conflict: 'legacy' }),
  ),
  entry('GET LBA STATUS', 0x9e, [0x12, ...LBA8, 0xff, 0xff, 0xff, 0xff, 0, 0x07], getLbaStatus, action(0x12, reads)),
  entry('REPORT LUNS', REPORT_LUNS, short(0, 0xff, 0, 0, 0, ...LBA4, 0), listLuns, { reportsAttention: false }),
  entry(
    'REPORT SUPPORTED OPERATION CODES',
    0xa3,
    short(0x0c, 0x87, 0xff, 0xff, 0xff, ...LBA4, 0),
    reportOpcodes,
    action(0x0c),
  ),
  entry('READ(12)', 0xa8, rw12(0xf8), read, reads),
  entry('WRITE(12)', 0xaa, rw12(0xf8), write, writes),
  entry('WRITE AND VERIFY(12)', 0xae, rw12(0xf6), writeAndVerify, writes),
  entry('VERIFY(12)', 0xaf, rw12(0xf6), verify, reads),
];

const byOpcode = new Map<number, readonly OpcodeEntry[]>();
for (const found of ENTRIES) byOpcode.set(found.opcode, [...(byOpcode.get(found.opcode) ?? []), found]);

/** All entries of an opcode: one, or one per service action; undefined for an opcode that is not supported. */
export function entriesOf(opcode: number): readonly OpcodeEntry[] | undefined {
  return byOpcode.get(opcode);
}
