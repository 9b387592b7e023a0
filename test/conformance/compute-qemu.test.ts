import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../common/log.ts';
import type { GuestSpec, VolumeDisk } from '../../compute/hypervisor/contract.ts';
import { QemuHypervisor } from '../../compute/hypervisor/qemu/driver.ts';
import { IscsiServer } from '../../volume/iscsi/server.ts';
import type { TargetExport } from '../../volume/targets/contract.ts';
import { GUEST_ID, hypervisorContract } from '../contract/compute/hypervisor.ts';
import { ensureGuest, reportsOf } from '../support/guest/guest.ts';

const ID = GUEST_ID;
const VOLUME = '7a1d5b02-9c0e-4c5f-8d21-6b8e4f3a2c10';
const SERIAL = VOLUME.slice(0, 20);
const SECRET = 'sixteen-letters!';
const MIB = 1 << 20;
const BOOT_MS = 120_000;
const OUTAGE_MS = 5_000;

/** Machine code that writes a line to the first serial port and halts. */
const BOOT_SECTOR = Buffer.concat([
  Buffer.from('fa31c08ed8be167cac84c07406baf803eeebf5f4ebfd', 'hex'),
  Buffer.from('MARTLET-BOOT-SECTOR\r\n\0'.padEnd(510 - 22, '\0')),
  Buffer.from([0x55, 0xaa]),
]);

type Network = 'none' | 'restricted' | 'open';

let root: string;
let hypervisor: QemuHypervisor;
let ended: string[];
let target: IscsiServer;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'martlet-qemu-'));
  ended = [];
  target = await startTarget(0);
  hypervisor = await newHypervisor();
});

afterEach(async () => {
  await hypervisor.destroy(ID);
  await hypervisor.release();
  await target.stop();
  await rm(root, { recursive: true, force: true });
});

describe('a guest on QEMU', () => {
  it('boots the kernel with its root disk and reports on the console', async () => {
    await hypervisor.boot(await specOf());
    await report('MARTLET-ROOT vda');
    await report('MARTLET-READY');
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

  it('takes a volume while it runs, writes to it, and lets it go; the bytes are in the volume', async () => {
    const disk = await exportVolume();
    await hypervisor.boot(await specOf());
    await report('MARTLET-READY');
    await hypervisor.attach(ID, disk);
    expect(await hypervisor.volumesOf(ID)).toEqual(new Set([VOLUME]));
    const wrote = await report(`MARTLET-WROTE ${SERIAL}`);
    expect(await sessions()).toBe(1);
    await hypervisor.detach(ID, VOLUME);
    expect(await hypervisor.volumesOf(ID)).toEqual(new Set());
    expect(await sessions()).toBe(0);
    await report('MARTLET-UNPLUGGED vdb');
    expect(wrote).toBe(`MARTLET-WROTE ${SERIAL} ${await digestOfVolume()}`);
    await hypervisor.attach(ID, disk); // the same names again
    await report('MARTLET-READ');
    await hypervisor.detach(ID, VOLUME);
    await hypervisor.detach(ID, VOLUME); // what is not there is no error
  });

  it('sees a volume that was attached before it started; a restart of the target costs it a pause and no error', async () => {
    const disk = await exportVolume();
    await hypervisor.boot({ ...(await specOf('martlet.tick=1')), volumes: [{ ...disk, bootIndex: 0 }] });
    await report(`MARTLET-WROTE ${SERIAL}`);
    await report('MARTLET-TICK');
    const ticks = async () => (await hypervisor.consoleOutput(ID)).split('MARTLET-TICK').length;
    const { port } = target.portal;
    await target.stop();
    const before = await ticks();
    await delay(OUTAGE_MS); // long enough that the guest, which writes each second, waits for its disk
    expect(await ticks()).toBeLessThanOrEqual(before + 1);
    target = await startTarget(port);
    await exportVolume();
    await expect.poll(ticks, { timeout: BOOT_MS, interval: 200 }).toBeGreaterThan(before + 2);
    expect(await sessions()).toBe(1);
    expect(await hypervisor.consoleOutput(ID)).not.toContain('MARTLET-FAILED');
    await hypervisor.detach(ID, VOLUME);
    await report('MARTLET-UNPLUGGED');
  });

  it('leaves nothing connected when the target refuses the secret', async () => {
    const disk = await exportVolume();
    await hypervisor.boot(await specOf());
    await report('MARTLET-READY');
    const wrong = { ...disk, connection: { ...disk.connection, auth_password: 'a wrong secret!!' } };
    await expect(hypervisor.attach(ID, wrong)).rejects.toMatchObject({ code: 'VolumeConnectFailed' });
    expect(await hypervisor.volumesOf(ID)).toEqual(new Set());
    await hypervisor.attach(ID, disk);
    await report(`MARTLET-WROTE ${SERIAL}`);
  });

  it('boots a volume by its firmware, the first of the boot order', async () => {
    const volumes = [{ ...(await exportVolume(BOOT_SECTOR)), bootIndex: 0 }];
    await hypervisor.boot({ id: ID, vcpus: 1, memoryMib: 128, volumes });
    await report('MARTLET-BOOT-SECTOR');
  });

  it.each(['raw', 'qcow2'] as const)('boots a %s root disk by its firmware', async (format) => {
    const folder = join(root, ID);
    await mkdir(folder, { recursive: true });
    const raw = join(root, 'boot.raw');
    await writeFile(raw, Buffer.concat([BOOT_SECTOR, Buffer.alloc(MIB - 512)]));
    const path = join(folder, 'root');
    await execa('qemu-img', ['convert', '-f', 'raw', '-O', format, raw, path]);
    await hypervisor.boot({ id: ID, vcpus: 1, memoryMib: 128, rootDisk: { path, format }, volumes: [] });
    await report('MARTLET-BOOT-SECTOR');
  });

  it('keeps the secret out of its arguments', async () => {
    await hypervisor.boot({ ...(await specOf()), volumes: [await exportVolume()] });
    const { pid } = JSON.parse(await readFile(join(root, ID, 'run.json'), 'utf8')) as { pid: number };
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    expect(commandLine).toContain(ID);
    expect(commandLine).not.toContain(SECRET);
  });

  for (const [network, word] of [
    ['open', 'answered'],
    ['restricted', 'silent'],
  ] as const) {
    it(`finds the host’s loopback ${word} when its network is ${network}`, async () => {
      let visits = 0;
      const door = createServer((socket) => {
        visits += 1;
        socket.end('welcome\n');
      });
      await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
      const { port } = door.address() as { port: number };
      await hypervisor.release();
      hypervisor = await newHypervisor(network);
      try {
        await hypervisor.boot(await specOf(`martlet.knock=${port}`));
        expect(await report('MARTLET-KNOCK')).toBe(`MARTLET-KNOCK ${word}`);
        expect(visits > 0).toBe(word === 'answered');
      } finally {
        door.close();
      }
    });
  }
});

hypervisorContract('qemu', async () => {
  // the bed is made after the hooks above: what they made is replaced
  await hypervisor.release();
  return {
    next: async () => {
      hypervisor = makeHypervisor();
      return hypervisor;
    },
    spec: () => specOf(),
    volume: () => exportVolume(),
    ready: async () => void (await report('MARTLET-READY')),
    crash: async () => {
      const { pid } = JSON.parse(await readFile(join(root, ID, 'run.json'), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
    },
    remove: async () => undefined,
  };
});

async function newHypervisor(network: Network = 'none'): Promise<QemuHypervisor> {
  const made = makeHypervisor(network);
  await made.adopt([ID], { guestEnded: (id) => ended.push(id) });
  return made;
}

function makeHypervisor(network: Network = 'none'): QemuHypervisor {
  return new QemuHypervisor({
    config: { qemu_path: 'qemu-system-x86_64', sandbox: true, network, initiator_prefix: 'iqn.2026-11.test.compute' },
    root,
    logger: createLogger('error'),
  });
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
  const find = async () => reportsOf(await hypervisor.consoleOutput(ID)).find((line) => line.startsWith(text));
  await expect.poll(find, { timeout: BOOT_MS, interval: 200 }).toBeDefined();
  return (await find()) ?? '';
}

async function startTarget(port: number): Promise<IscsiServer> {
  const log = createLogger('error');
  const server = new IscsiServer({ address: '127.0.0.1', port, log });
  await server.start();
  return server;
}

/** Exports a volume of 4 MiB, made at the first call; empty unless told. */
async function exportVolume(content = Buffer.alloc(0)): Promise<VolumeDisk> {
  const path = join(root, 'volume.raw');
  await writeFile(path, content, { flag: 'a' });
  const file = await open(path, 'r+');
  await file.truncate(4 * MIB);
  await file.close();
  const exported: TargetExport = {
    iqn: `iqn.2026-11.test.volume:${VOLUME}`,
    lun: 1,
    sizeBytes: 4 * MIB,
    extents: [{ path, offsetBytes: 0, lengthBytes: 4 * MIB }],
    readOnly: false,
    chap: { username: 'guest', secret: SECRET },
    initiatorName: hypervisor.initiatorNameOf(ID),
    serial: VOLUME,
  };
  await target.export(exported);
  return {
    volumeId: VOLUME,
    connection: {
      driver_volume_type: 'iscsi',
      attachment_id: VOLUME,
      enforce_multipath: false,
      target_discovered: false,
      target_portal: `${target.portal.address}:${target.portal.port}`,
      target_iqn: exported.iqn,
      target_lun: exported.lun,
      volume_id: VOLUME,
      auth_method: 'CHAP',
      auth_username: exported.chap.username,
      auth_password: SECRET,
      access_mode: 'rw',
      encrypted: false,
      qos_specs: null,
      cacheable: false,
      discard: true,
    },
  };
}

async function sessions(): Promise<number> {
  const [exported] = await target.list();
  return exported?.sessions.length ?? 0;
}

async function digestOfVolume(): Promise<string> {
  const bytes = await readFile(join(root, 'volume.raw'));
  return createHash('sha256').update(bytes.subarray(0, MIB)).digest('hex');
}
