import { HOT_PLUG_PORTS } from '../../limits.ts';
import type { GuestSpec } from '../contract.ts';
import type { GuestPaths } from './paths.ts';

export interface MachineOptions {
  sandbox: boolean;
  network: 'none' | 'restricted' | 'open';
}

/**
 * The arguments of a guest's QEMU. It starts paused (`-S`): volumes are plugged over QMP before the first instruction, so that no
 * secret is ever an argument.
 */
export function commandLineOf(guest: GuestSpec, paths: GuestPaths, options: MachineOptions): string[] {
  return [
    ...['-name', `martlet-${guest.id}`, '-uuid', guest.id],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S'],
    ...(options.sandbox ? ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'] : []),
    ...['-machine', 'q35,usb=off,hpet=off', '-accel', 'tcg,tb-size=128'],
    ...['-m', `${guest.memoryMib}M`, '-smp', String(guest.vcpus)],
    ...['-pidfile', paths.pidFile],
    ...[
      '-chardev',
      `socket,id=qmp,path=${escaped(paths.qmpSocket)},server=on,wait=off`,
      '-mon',
      'chardev=qmp,mode=control',
    ],
    ...['-chardev', `file,id=console,path=${escaped(paths.console)},append=on`, '-serial', 'chardev:console'],
    ...['-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng,bus=pcie.0'],
    ...ports(),
    ...rootDisk(guest),
    ...kernel(guest),
    ...network(guest, options.network),
  ];
}

/** pcie.0 takes no hot-plug: every volume gets a root port. */
function ports(): string[] {
  return Array.from({ length: HOT_PLUG_PORTS }, (_, index) => [
    '-device',
    `pcie-root-port,id=${portName(index)},bus=pcie.0,chassis=${index + 1},slot=${index + 1}`,
  ]).flat();
}

export function portName(index: number): string {
  return `rp${index}`;
}

function rootDisk({ id, rootDisk, kernel }: GuestSpec): string[] {
  if (!rootDisk) return [];
  const file = { driver: 'file', filename: rootDisk.path, discard: 'unmap' };
  // backing: null overrides what a qcow2 header says, so that no disk can name another file
  const layer = rootDisk.format === 'qcow2' ? { driver: 'qcow2', backing: null } : { driver: 'raw' };
  const bootIndex = kernel ? '' : ',bootindex=0';
  return [
    ...['-blockdev', JSON.stringify({ ...layer, 'node-name': 'root', file, discard: 'unmap' })],
    ...[
      '-device',
      `virtio-blk-pci,id=disk-root,drive=root,bus=pcie.0,serial=${id.slice(0, 20)},werror=stop,rerror=stop${bootIndex}`,
    ],
  ];
}

function kernel({ kernel: direct }: GuestSpec): string[] {
  if (!direct) return [];
  const initrd = direct.initrdPath === undefined ? [] : ['-initrd', direct.initrdPath];
  return ['-kernel', direct.path, ...initrd, '-append', direct.commandLine];
}

function network(guest: GuestSpec, kind: MachineOptions['network']): string[] {
  if (kind === 'none') return [];
  const restrict = kind === 'restricted' ? 'on' : 'off';
  const mac = `52:54:00:${guest.id.slice(0, 2)}:${guest.id.slice(2, 4)}:${guest.id.slice(4, 6)}`;
  return [
    ...['-netdev', `user,id=net0,restrict=${restrict}`],
    ...['-device', `virtio-net-pci,netdev=net0,mac=${mac},romfile=,bus=pcie.0`],
  ];
}

/** QEMU's option syntax doubles a comma that belongs to a value. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
