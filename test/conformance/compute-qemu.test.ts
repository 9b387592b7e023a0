import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../common/log.ts';
import type { GuestSpec } from '../../compute/hypervisor/contract.ts';
import { QemuHypervisor } from '../../compute/hypervisor/qemu/driver.ts';
import { ensureGuest, reportsOf } from '../support/guest/guest.ts';

const ID = '3f0c1c9e-52a5-4b0e-9d7f-0a4f6f1e2d3c';
const BOOT_MS = 120_000;

let root: string;
let hypervisor: QemuHypervisor;
let ended: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'martlet-qemu-'));
  ended = [];
  hypervisor = await newHypervisor();
});

afterEach(async () => {
  await hypervisor.destroy(ID);
  await hypervisor.release();
  await rm(root, { recursive: true, force: true });
});

describe('a guest on QEMU', () => {
  it('boots the kernel with its root disk and reports on the console', async () => {
    await hypervisor.boot(await specOf());
    await report('MARTLET-READY');
    await report('MARTLET-ROOT vda');
    expect(hypervisor.isRunning(ID)).toBe(true);
  });

  it('survives our release and is adopted by UUID', async () => {
    await hypervisor.boot(await specOf('martlet.tick=1'));
    await hypervisor.release();
    hypervisor = await newHypervisor();
    expect(hypervisor.isRunning(ID)).toBe(true);
    await report('MARTLET-TICK');
    expect(ended).toEqual([]);
  });
});

async function newHypervisor(network: 'none' | 'restricted' | 'open' = 'none'): Promise<QemuHypervisor> {
  const made = new QemuHypervisor({
    config: { qemu_path: 'qemu-system-x86_64', sandbox: true, network, initiator_prefix: 'iqn.2026-11.test.compute' },
    root,
    logger: createLogger('warn'),
  });
  await made.adopt([ID], { guestEnded: (id) => ended.push(id) });
  return made;
}

async function specOf(extra = ''): Promise<GuestSpec> {
  const guest = await ensureGuest();
  const folder = join(root, ID);
  await mkdir(folder, { recursive: true });
  await copyFile(guest.diskPath, join(folder, 'root'));
  return {
    id: ID,
    vcpus: 1,
    memoryMib: 128,
    rootDisk: { path: join(folder, 'root'), format: 'raw' },
    kernel: {
      path: guest.kernelPath,
      initrdPath: guest.initrdPath,
      commandLine: `console=ttyS0 quiet panic=-1 ${extra}`,
    },
    volumes: [],
  };
}

/** Waits until the guest has reported `text`, and returns the whole line. */
async function report(text: string): Promise<string> {
  return expect
    .poll(async () => reportsOf(await hypervisor.consoleOutput(ID)).find((line) => line.startsWith(text)), {
      timeout: BOOT_MS,
      interval: 200,
    })
    .toBeDefined()
    .then(async () => reportsOf(await hypervisor.consoleOutput(ID)).find((line) => line.startsWith(text)) ?? '');
}
