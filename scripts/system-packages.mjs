// The Debian packages that the outside judges need. Installing one starts no daemon (a policy-rc.d denies it while we install).
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

const PACKAGES = [
  'busybox-static',
  'bzip2',
  'cpio',
  'curl',
  'e2fsprogs',
  'kmod',
  'libiscsi-bin',
  'lvm2',
  'python3-boto3',
  'python3-glanceclient',
  'python3-keystonemiddleware',
  'python3-openstackclient',
  'python3-swift',
  'python3-swiftclient',
  'qemu-block-extra',
  'qemu-system-common',
  'qemu-system-x86',
  'qemu-utils',
  'rclone',
  'restic',
  's3cmd',
  'tempest',
  'xorriso',
  'zstd',
];

const POLICY = '/usr/sbin/policy-rc.d';

/** Makes the packages be there, or says exactly what to run. Returns false where they are missing and we may not install them. */
export function ensureSystemPackages() {
  const missing = PACKAGES.filter((name) => !isInstalled(name));
  if (missing.length === 0) return true;
  const line = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.error(`The outside judges need Debian packages that are not installed. As root, run:\n\n  ${line}\n`);
    return false;
  }
  console.log(`installing ${missing.length} Debian packages: ${missing.join(' ')}`);
  const blockDaemons = !existsSync(POLICY);
  if (blockDaemons) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    for (const command of ['apt-get update -q', line]) {
      const [program, ...args] = command.split(' ');
      const { status } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: environment });
      if (status !== 0) return false;
    }
  } finally {
    if (blockDaemons) rmSync(POLICY);
  }
  return true;
}

/** `dpkg -s` succeeds for a removed package whose configuration stayed: ask for the state. */
function isInstalled(name) {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '$'.concat('{db:Status-Status}'), name], {
    encoding: 'utf8',
  });
  return stdout === 'installed';
}
