import type { Martlet } from '../martlet.ts';
import { openstack } from '../openstack.ts';
import { ensureGuest } from './guest.ts';

/**
 * Uploads the tiny guest as a cloud keeps it: kernel (aki), initramfs (ari), and a raw disk that names both.
 *
 * @param commandLine kernel arguments; those of the compute service unless given.
 * @returns the disk's image id.
 */
export async function uploadGuest(martlet: Martlet, commandLine?: string): Promise<string> {
  const { kernelPath, initrdPath, diskPath } = await ensureGuest();
  const kernel = await upload(martlet, 'kernel', 'aki', kernelPath);
  const initrd = await upload(martlet, 'initrd', 'ari', initrdPath);
  const properties = [`kernel_id=${kernel}`, `ramdisk_id=${initrd}`];
  if (commandLine !== undefined) properties.push(`os_command_line=${commandLine}`);
  return upload(martlet, 'tiny', 'raw', diskPath, ...properties.flatMap((each) => ['--property', each]));
}

async function upload(
  martlet: Martlet,
  name: string,
  format: string,
  path: string,
  ...more: string[]
): Promise<string> {
  const formats = ['--disk-format', format, '--container-format', format === 'raw' ? 'bare' : format];
  const image = await openstack(martlet, ['image', 'create', name, ...formats, '--file', path, ...more]);
  return String(image['id']);
}
