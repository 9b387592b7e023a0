import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';

/** The test guest: Debian's cloud kernel and a busybox whose init reports on the serial console (`init.sh` says how). */
export interface Guest {
  kernelPath: string;
  initrdPath: string;
  /** A raw disk of 1 MiB, mostly holes, that the guest knows as its root disk and leaves alone. */
  diskPath: string;
}

const ROOT = join(import.meta.dirname, '../../..');
const CACHE = join(ROOT, '.cache/guest');
const INIT = join(import.meta.dirname, 'init.sh');
const BUSYBOX = '/bin/busybox';
const KERNEL_PACKAGE = 'linux-image-cloud-amd64';
const MODULES = ['virtio_pci', 'virtio_blk', 'virtio_net'];
const ROOT_DISK_BYTES = 1 << 20;

/** Makes the guest, or takes it from `.cache/guest`. Needs apt, dpkg, kmod, cpio and busybox-static. */
export async function ensureGuest(): Promise<Guest> {
  await mkdir(CACHE, { recursive: true });
  const { kernelPath, modulesRoot, version } = await ensureKernel();
  const recipe = createHash('sha256')
    .update(version)
    .update(await readFile(INIT))
    .update(await readFile(BUSYBOX));
  const initrdPath = join(CACHE, `initrd-${recipe.digest('hex').slice(0, 16)}.gz`);
  if (!(await exists(initrdPath))) await buildInitrd(initrdPath, modulesRoot, version);
  return { kernelPath, initrdPath, diskPath: await ensureRootDisk() };
}

/** What the guest has said that begins with `MARTLET-`, in order. */
export function reportsOf(console: string): string[] {
  return console
    .split(/\r?\n/)
    .filter((line) => line.startsWith('MARTLET-'))
    .map((line) => line.trim());
}

async function ensureKernel(): Promise<{ kernelPath: string; modulesRoot: string; version: string }> {
  const unpacked = join(CACHE, 'kernel');
  if (!(await exists(unpacked))) {
    const packages = await download();
    const temporary = await mkdtemp(join(CACHE, 'unpack-'));
    await execa('dpkg', ['-x', packages, temporary]);
    await rename(temporary, unpacked);
  }
  const [kernel] = (await readdir(join(unpacked, 'boot'))).filter((name) => name.startsWith('vmlinuz-'));
  if (!kernel) throw new Error(`${unpacked} has no kernel: remove it`);
  return {
    kernelPath: join(unpacked, 'boot', kernel),
    modulesRoot: unpacked,
    version: kernel.slice('vmlinuz-'.length),
  };
}

async function download(): Promise<string> {
  const { stdout } = await execa('apt-cache', ['depends', KERNEL_PACKAGE]);
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (!name) throw new Error(`apt knows no ${KERNEL_PACKAGE}: run apt-get update`);
  await execa('apt-get', ['download', name], { cwd: CACHE });
  const [file] = (await readdir(CACHE)).filter((each) => each.startsWith(`${name}_`) && each.endsWith('.deb'));
  if (!file) throw new Error(`apt-get downloaded no ${name}`);
  return join(CACHE, file);
}

async function buildInitrd(path: string, modulesRoot: string, version: string): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'martlet-initrd-'));
  try {
    for (const folder of ['bin', 'modules', 'proc', 'sys', 'dev', 'run']) await mkdir(join(tree, folder));
    await copyFile(BUSYBOX, join(tree, 'bin/busybox'));
    await copyFile(INIT, join(tree, 'init'));
    await chmod(join(tree, 'init'), 0o755);
    const modules = await modulesInOrder(modulesRoot, version);
    for (const module of modules) await copyFile(module, join(tree, 'modules', basename(module)));
    await writeFile(join(tree, 'modules/order'), modules.map((module) => `${basename(module)}\n`).join(''));
    const { stdout: names } = await execa('find', ['.', '-mindepth', '1'], { cwd: tree });
    const { stdout: archive } = await execa('cpio', ['--quiet', '-o', '-H', 'newc'], {
      cwd: tree,
      input: `${names}\n`,
      encoding: 'buffer',
      maxBuffer: 64 << 20,
      stripFinalNewline: false,
    });
    await writeFile(`${path}.tmp`, gzipSync(archive));
    await rename(`${path}.tmp`, path);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** Files of the modules, each after those that it depends on. */
async function modulesInOrder(root: string, version: string): Promise<string[]> {
  await execa('/sbin/depmod', ['-b', root, version]);
  const inOrder = new Set<string>();
  for (const module of MODULES) {
    const { stdout } = await execa('/sbin/modprobe', ['-d', root, '-S', version, '--show-depends', module]);
    for (const [, path] of stdout.matchAll(/^insmod (\S+)/gm)) if (path) inOrder.add(path);
  }
  return [...inOrder];
}

async function ensureRootDisk(): Promise<string> {
  const path = join(CACHE, 'root-disk.raw');
  const file = await open(path, 'w');
  try {
    await file.write('MARTLET-ROOT-DISK\n');
    await file.truncate(ROOT_DISK_BYTES);
  } finally {
    await file.close();
  }
  return path;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
