import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TargetExport } from '../../volume/targets/contract.ts';
import { Initiator } from '../support/iscsi/initiator.ts';
import { TargetProcess } from '../support/iscsi/target-process.ts';
import { rwCdb } from '../support/iscsi/unit-under-test.ts';

const SIZE_BYTES = 64 * 1024 * 1024;
const ENOUGH_WRITES = 200;

let folder: string;
let definition: TargetExport;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'martlet-iscsi-'));
  const path = join(folder, 'volume.raw');
  writeFileSync(path, '');
  truncateSync(path, SIZE_BYTES);
  definition = {
    iqn: 'iqn.2026-11.test:one',
    lun: 1,
    sizeBytes: SIZE_BYTES,
    extents: [{ path, offsetBytes: 0, lengthBytes: SIZE_BYTES }],
    readOnly: false,
    chap: { username: 'alice', secret: 'very-secret-word' },
    initiatorName: 'iqn.2026-11.test:host',
    serial: 'volume-one',
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function logIn(port: number): Promise<Initiator> {
  const initiator = await Initiator.connect(port);
  const { iqn, initiatorName, chap } = definition;
  const status = await initiator.login({ initiatorName, targetName: iqn, ...chap });
  if (status !== 0) throw new Error(`login refused: ${status}`);
  await initiator.command([0x00]);
  return initiator;
}

/** A block that names the LBA it belongs to. */
function blockOf(lba: number): Buffer {
  const block = Buffer.alloc(4096, lba % 251);
  block.writeUInt32BE(lba);
  return block;
}

test('kill -9 during FUA writes: every acknowledged one is there after a restart, and every other whole or absent', async () => {
  const target = await TargetProcess.start([definition]);
  const initiator = await logIn(target.port);
  const acknowledged: number[] = [];
  let lba = 0;
  try {
    while (true) {
      const { status } = await initiator.command(rwCdb(0x8a, lba, 8, 0x08), { write: blockOf(lba) });
      expect(status).toBe(0);
      acknowledged.push(lba);
      lba += 8;
      if (acknowledged.length === ENOUGH_WRITES) void target.end('SIGKILL'); // while the next ones are under way
    }
  } catch (error) {
    expect(String(error)).toContain('closed the connection');
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(ENOUGH_WRITES);

  const again = await TargetProcess.start([definition], target.port);
  const reader = await logIn(again.port);
  for (const written of acknowledged) {
    const { data } = await reader.command(rwCdb(0x88, written, 8), { read: 4096 });
    expect(data.equals(blockOf(written))).toBe(true);
  }
  reader.close();
  expect(await again.end('SIGTERM')).toBe(0);
  const bytes = readFileSync(join(folder, 'volume.raw'));
  const pending = bytes.subarray(lba * 512, lba * 512 + 4096);
  expect(pending.equals(blockOf(lba)) || pending.equals(Buffer.alloc(4096))).toBe(true);
  expect(bytes.subarray(lba * 512 + 4096).every((byte) => byte === 0)).toBe(true);
});
