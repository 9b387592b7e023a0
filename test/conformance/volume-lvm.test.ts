import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LvmDriver } from '../../volume/drivers/lvm.ts';
import { LvmCommands } from '../../volume/drivers/lvm-commands.ts';
import { runCommand } from '../../volume/drivers/run-command.ts';
import { driverSuite } from '../contract/volume/driver-suite.ts';

/*
 * The LVM driver on real LVM: a volume group on a loop device over a temporary file, a private LVM configuration, no device-mapper
 * (`--driverloaded n`). Needs root and lvm2. What device-mapper alone can do, activation, is the virtual lab's.
 */

const VOLUME_GROUP = `martlet-test-${process.pid}`;
const WITHOUT_DEVICE_MAPPER = ['--driverloaded', 'n'];
const EXTENT_BYTES = 4 << 20;
const POOL_BYTES = 160 << 20;

let folder: string;
let loopDevice: string;

async function lvm(...commandArguments: string[]): Promise<void> {
  await execa('lvm', commandArguments, { env: { LVM_SYSTEM_DIR: folder, LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1' } });
}

async function makeVolumeGroup(): Promise<void> {
  await lvm('pvcreate', ...WITHOUT_DEVICE_MAPPER, '-f', loopDevice);
  await lvm('vgcreate', ...WITHOUT_DEVICE_MAPPER, VOLUME_GROUP, loopDevice);
}

async function removeVolumeGroup(): Promise<void> {
  await lvm('vgremove', ...WITHOUT_DEVICE_MAPPER, '-f', VOLUME_GROUP);
  await lvm('pvremove', ...WITHOUT_DEVICE_MAPPER, '-f', loopDevice);
}

function openDriver(contiguous: boolean): LvmDriver {
  return new LvmDriver({
    run: runCommand,
    volumeGroup: VOLUME_GROUP,
    extraArguments: WITHOUT_DEVICE_MAPPER,
    systemDir: folder,
    activate: false,
    contiguous,
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-lvm-'));
  const disk = join(folder, 'disk.img');
  await writeFile(disk, '');
  await truncate(disk, POOL_BYTES);
  ({ stdout: loopDevice } = await execa('losetup', ['--find', '--show', disk]));
  await writeFile(
    join(folder, 'lvm.conf'),
    `devices { use_devicesfile=0 filter=["a|^${loopDevice}$|","r|.*|"] obtain_device_list_from_udev=0 external_device_info_source="none" }
activation { udev_sync=0 udev_rules=0 monitoring=0 verify_udev_operations=0 }
global { use_lvmpolld=0 event_activation=0 }
backup { backup=0 archive=0 }
`,
  );
});

afterAll(async () => {
  if (loopDevice) await execa('losetup', ['--detach', loopDevice]);
  await rm(folder, { recursive: true, force: true });
});

describe('the LVM driver keeps what every driver promises', () => {
  driverSuite(async () => {
    await makeVolumeGroup();
    return {
      driver: openDriver(false),
      reopen: async () => openDriver(false),
      sizeBytes: 4 * EXTENT_BYTES,
      tooLargeBytes: 2 * POOL_BYTES,
      release: removeVolumeGroup,
    };
  });
});

describe('the LVM driver', () => {
  it('a volume that grew around a neighbour has several extents, in order, and their sum is what LVM says', async () => {
    await makeVolumeGroup();
    try {
      const driver = openDriver(false);
      const [one, two] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
      await driver.create(one, 2 * EXTENT_BYTES);
      await driver.create(two, 2 * EXTENT_BYTES);
      await driver.extend(one, 5 * EXTENT_BYTES);
      const { sizeBytes, extents } = await driver.backing(one);
      expect(extents.map(({ lengthBytes }) => lengthBytes / EXTENT_BYTES)).toEqual([2, 3]);
      expect(extents.every(({ path }) => path === loopDevice)).toBe(true);
      expect(sizeBytes).toBe(5 * EXTENT_BYTES);
      const commands = new LvmCommands({
        run: runCommand,
        volumeGroup: VOLUME_GROUP,
        extraArguments: WITHOUT_DEVICE_MAPPER,
        systemDir: folder,
      });
      expect(await commands.sizeOf(`volume-${one}`)).toBe(sizeBytes);
      const { totalBytes, freeBytes } = await driver.stats();
      expect(totalBytes - freeBytes).toBe(7 * EXTENT_BYTES);
    } finally {
      await removeVolumeGroup();
    }
  });

  it('a contiguous volume grows into what is free behind it, and not around a neighbour', async () => {
    await makeVolumeGroup();
    try {
      const driver = openDriver(true);
      const [one, two] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
      await driver.create(one, 2 * EXTENT_BYTES);
      await driver.extend(one, 4 * EXTENT_BYTES);
      expect((await driver.backing(one)).extents).toHaveLength(1);
      await driver.create(two, EXTENT_BYTES);
      await expect(driver.extend(one, 5 * EXTENT_BYTES)).rejects.toMatchObject({ code: 'PoolFull' });
      expect((await driver.backing(one)).sizeBytes).toBe(4 * EXTENT_BYTES);
    } finally {
      await removeVolumeGroup();
    }
  });

  it('a volume group that is not there is said so at start', async () => {
    await expect(openDriver(false).start()).rejects.toThrow(/vgs ended with 5/);
  });
});
