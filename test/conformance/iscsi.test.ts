import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TargetExport } from '../../volume/targets/contract.ts';
import { TargetProcess } from '../support/iscsi/target-process.ts';
import { parseTestCuLog } from '../support/iscsi/test-cu-log.ts';

const SIZE_BYTES = 512 * 1024 * 1024;
const SECRET = 'secret12chars';
/** The same volume for QEMU with a URL, which cannot name the initiator: it is this one then. */
const TWIN = 'iqn.2026-11.org.martlet:twin';
const QEMU = 'iqn.2008-11.org.linux-kvm';
const HOST = 'iqn.2026-11.org.martlet:host';

/**
 * Tests that skip by themselves here. tgtd 1.0.85 on a plain LUN skips all but the last two too, and more; those two
 * ask for WRITE SAME of "0 blocks, to the end", which the Block Limits page refuses (WSNZ): a command has to be bounded.
 */
const SKIPPED = [
  /^ExtendedCopy\./,
  /^MultipathIO\./,
  /^PreventAllow\./,
  /^ReadDefectData1[02]\./,
  /^ReadOnly\./,
  /^ReceiveCopyResults\./,
  /^ReportSupportedOpcodes\.OneCommand$/,
  /^Sanitize\./,
  /^StartStopUnit\.Simple$/,
  /^WriteAtomic16\./,
  /^WriteSame1[06]\.ZeroBlocks$/,
];

/**
 * Fails by the test's own arithmetic on 4096-byte physical blocks: it asks for the status of LBA i+1 and expects a descriptor that begins
 * at i+8; SBC-3, 5.5.2 lets the first descriptor begin at the LBA that was asked for. (tgtd skips it: its LUN is not thin.)
 */
const FAILED = ['GetLBAStatus.UnmapSingle'];

let folder: string;
let path: string;
let target: TargetProcess;
let url: string;

const definition = (changes: Partial<TargetExport> = {}): TargetExport => ({
  iqn: 'iqn.2026-11.org.martlet:vol',
  lun: 1,
  sizeBytes: SIZE_BYTES,
  extents: [{ path, offsetBytes: 0, lengthBytes: SIZE_BYTES }],
  readOnly: false,
  chap: { username: 'alice', secret: SECRET },
  initiatorName: HOST,
  serial: '6f1c2f0e-2f5c-4b0e-9d2e-000000000001',
  ...changes,
});

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'martlet-iscsi-'));
  path = join(folder, 'volume.raw');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(async () => {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, SIZE_BYTES);
  closeSync(fd);
  target = await TargetProcess.start([definition(), definition({ iqn: TWIN, initiatorName: QEMU })]);
  url = `iscsi://alice%${SECRET}@127.0.0.1:${target.port}`;
});
afterEach(async () => {
  expect(target.logged).not.toContain(SECRET);
  expect(await target.end('SIGTERM')).toBe(0);
});

function bytesOnDisk(offsetBytes: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  const fd = openSync(path, 'r');
  readSync(fd, bytes, 0, lengthBytes, offsetBytes);
  closeSync(fd);
  return bytes;
}

describe('libiscsi', () => {
  test('iscsi-ls finds the target and its LUN with the right secret, and nothing with a wrong one', async () => {
    const found = await execa('iscsi-ls', ['-i', HOST, '-s', url]);
    expect(found.stdout).toContain('iqn.2026-11.org.martlet:vol');
    expect(found.stdout).toMatch(/Lun:1 +Type:DIRECT_ACCESS/);
    for (const [initiator, wrong] of [
      [HOST, url.replace(SECRET, 'wrong-secret')],
      ['iqn.2026-11.org.martlet:stranger', url],
    ] as const) {
      const refused = await execa('iscsi-ls', ['-i', initiator, wrong], { reject: false });
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stderr + refused.stdout).toContain('Authentication failure(513)');
      expect(refused.stdout).not.toContain('iqn.2026-11.org.martlet:vol');
    }
  });

  test('iscsi-inq logs in by CHAP; the refusals are those of the protocol', async () => {
    const lun = `${url}/iqn.2026-11.org.martlet:vol/1`;
    const inquiry = await execa('iscsi-inq', ['-i', HOST, lun]);
    expect(inquiry.stdout).toContain('Vendor:MARTLET');
    const serial = await execa('iscsi-inq', ['-i', HOST, '-e', '1', '-c', '128', lun]);
    expect(serial.stdout).toContain('6f1c2f0e-2f5c-4b0e-9d2e-000000000001');
    const refusal = async (initiator: string, address: string) => {
      const { stdout, stderr } = await execa('iscsi-inq', ['-i', initiator, address], { reject: false });
      return /\((\d+)\)/.exec(stdout + stderr)?.[1];
    };
    expect(await refusal(HOST, lun.replace(SECRET, 'wrong-secret'))).toBe(String(0x0201));
    expect(await refusal(HOST, lun.replace(`alice%${SECRET}@`, ''))).toBe(String(0x0201));
    expect(await refusal('iqn.2026-11.org.martlet:stranger', lun)).toBe(String(0x0202));
    expect(await refusal(HOST, lun.replace(':vol/', ':other/'))).toBe(String(0x0203));
  });

  test('iscsi-test-cu: every test passes that tgtd passes, and nearly all that it skips', {
    timeout: 300_000,
  }, async () => {
    // Both initiators of the two-initiator tests have the name on the access list; their ISIDs differ.
    const lun = `${url}/iqn.2026-11.org.martlet:vol/1`;
    const args = ['-i', HOST, '-I', HOST, '--dataloss', '--verbose', '-t', 'ALL', lun];
    const { stdout } = await execa('iscsi-test-cu', args, { reject: false, all: true, cwd: folder, timeout: 290_000 });
    const results = parseTestCuLog(stdout);
    expect(results.summary).toMatchObject({ suites: 51, tests: 230 });
    expect(results.failed).toEqual(FAILED);
    const unexpected = results.skipped.filter((name) => !SKIPPED.some((allowed) => allowed.test(name)));
    expect(unexpected).toEqual([]);
    console.log(
      `iscsi-test-cu: ${results.passed.length} passed, ${results.skipped.length} skipped, ${results.failed.length} failed (${results.failed.join(', ')})`,
    );
  });
});

describe('QEMU', () => {
  const node = (more = '') =>
    `driver=raw,file.driver=iscsi,file.transport=tcp,file.portal=127.0.0.1:${target.port},file.target=iqn.2026-11.org.martlet:vol,` +
    `file.lun=1,file.user=alice,file.password-secret=chap,file.initiator-name=${HOST},file.header-digest=none-crc32c${more}`;
  const secret = ['--object', `secret,id=chap,data=${SECRET}`];
  const qemuIo = (...commands: string[]) =>
    execa('qemu-io', [
      ...secret,
      '--image-opts',
      node(',cache.direct=on,discard=unmap'),
      ...commands.flatMap((command) => ['-c', command]),
    ]);

  test('what qemu-io writes and flushes is in the file, byte for byte, and reads back', async () => {
    await qemuIo(
      'write -P 0x5a 1M 3M',
      'write -P 0xa5 4096 512',
      'flush',
      'read -P 0x5a 1M 3M',
      'read -P 0xa5 4096 512',
    );
    expect(bytesOnDisk(1 << 20, 3 << 20).equals(Buffer.alloc(3 << 20, 0x5a))).toBe(true);
    expect(bytesOnDisk(4096, 512).equals(Buffer.alloc(512, 0xa5))).toBe(true);
    expect(bytesOnDisk(4608, 512).equals(Buffer.alloc(512))).toBe(true);
    await expect(qemuIo('read -P 0x11 1M 1M')).rejects.toThrow('Pattern verification failed');
  });

  test('discard and write zeroes give the space back and leave zeros, and nothing else changes', async () => {
    await qemuIo('write -P 0x77 0 32M', 'flush');
    const full = statSync(path).blocks;
    await qemuIo(
      'discard 8M 8M',
      'write -z 20M 4M',
      'write -z -u 24M 4M',
      'flush',
      'read -P 0 8M 8M',
      'read -P 0 20M 8M',
    );
    expect(statSync(path).blocks).toBeLessThanOrEqual(full - (8 << 20) / 512);
    expect(bytesOnDisk(8 << 20, 8 << 20).equals(Buffer.alloc(8 << 20))).toBe(true);
    expect(bytesOnDisk(20 << 20, 8 << 20).equals(Buffer.alloc(8 << 20))).toBe(true);
    for (const [from, to] of [
      [0, 8],
      [16, 20],
      [28, 32],
    ] as const)
      expect(bytesOnDisk(from << 20, (to - from) << 20).equals(Buffer.alloc((to - from) << 20, 0x77))).toBe(true);
  });

  test('a whole image goes up by qemu-img convert and compares equal, deep queue and all', async () => {
    const local = join(folder, 'local.raw');
    await execa('qemu-img', ['create', '-f', 'raw', local, String(SIZE_BYTES)]);
    await execa('qemu-io', ['-f', 'raw', '-c', 'write -P 0x31 7M 40M', '-c', 'write -P 0x32 200M 9M', local]);
    await execa('qemu-img', [
      'convert',
      ...secret,
      '-n',
      '-m',
      '16',
      '-W',
      '-f',
      'raw',
      local,
      '--target-image-opts',
      node(),
    ]);
    const compared = await execa('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', local, path]);
    expect(compared.stdout).toContain('Images are identical.');
  });

  test('qemu-img bench runs reads, writes and flushes at depth 32 to their end', async () => {
    const common = ['bench', '-f', 'raw', '-t', 'none', '-c', '4000', '-d', '32', '-s', '4096'];
    for (const args of [
      ['-S', '69632'],
      ['-w', '-S', '69632'],
      ['-w', '--flush-interval=32'],
    ])
      expect((await execa('qemu-img', [...common, ...args, `${url}/${TWIN}/1`])).stdout).toContain('Run completed');
  });

  test('a wrong secret is refused', async () => {
    const args = ['--object', 'secret,id=chap,data=wrong-secret', '--image-opts', node(), '-c', 'read 0 512'];
    const refused = await execa('qemu-io', args, { reject: false });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain('Authentication failure');
  });
});
