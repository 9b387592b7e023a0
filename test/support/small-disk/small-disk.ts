import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** A file system of its own, of a size that a test can fill. */
export interface SmallDisk {
  folder: string;
  kind: 'ext4' | 'tmpfs';
  remove(): Promise<void>;
}

/**
 * ext4 on a loop device; where there are no loop devices, a tmpfs of that size.
 *
 * @returns undefined where neither can be mounted, as without root.
 */
export async function mountSmallDisk(sizeMiB: number): Promise<SmallDisk | undefined> {
  const base = await mkdtemp(join(tmpdir(), 'martlet-small-disk-'));
  const folder = join(base, 'mounted');
  const image = join(base, 'image');
  await mkdir(folder);
  const succeeds = async (command: string, ...args: string[]) =>
    (await execa(command, args, { reject: false, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })).exitCode === 0;
  const remove = async () => {
    await succeeds('umount', '--lazy', folder);
    await rm(base, { recursive: true, force: true });
  };
  const isExt4 =
    (await succeeds('truncate', '--size', `${sizeMiB}M`, image)) &&
    (await succeeds('mkfs.ext4', '-q', '-F', image)) &&
    (await succeeds('mount', '-o', 'loop', image, folder));
  if (isExt4) return { folder, kind: 'ext4', remove };
  if (await succeeds('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', folder))
    return { folder, kind: 'tmpfs', remove };
  await remove();
  return undefined;
}
