import { describe, expect, it } from 'vitest';
import type { GuestSpec } from '../../../compute/hypervisor/contract.ts';
import { commandLineOf, type MachineOptions } from '../../../compute/hypervisor/qemu/command-line.ts';
import { GuestFolders } from '../../../compute/hypervisor/qemu/paths.ts';

const ID = '3f0c1c9e-52a5-4b0e-9d7f-0a4f6f1e2d3c';
const GUEST: GuestSpec = { id: ID, vcpus: 2, memoryMib: 256, volumes: [] };
const OPTIONS: MachineOptions = { sandbox: true, network: 'none' };

const lineOf = (guest: Partial<GuestSpec> = {}, options: Partial<MachineOptions> = {}, root = '/data/instances') =>
  commandLineOf({ ...GUEST, ...guest }, new GuestFolders(root).of(ID), { ...OPTIONS, ...options });

describe('the arguments of a guest’s QEMU', () => {
  it('say the guest’s UUID, start it paused and sandboxed, without defaults', () => {
    const args = lineOf();
    expect(args[args.indexOf('-uuid') + 1]).toBe(ID);
    for (const flag of ['-S', '-nodefaults', '-no-user-config']) expect(args).toContain(flag);
    expect(args[args.indexOf('-sandbox') + 1]).toMatch(/^on,.*spawn=deny/);
    expect(lineOf({}, { sandbox: false })).not.toContain('-sandbox');
    expect(args[args.indexOf('-accel') + 1]).toMatch(/^tcg/);
  });

  it('have a network card only where the configuration says so, restricted unless it says open', () => {
    expect(lineOf().join(' ')).not.toContain('netdev');
    expect(lineOf({}, { network: 'restricted' }).join(' ')).toContain('user,id=net0,restrict=on');
    expect(lineOf({}, { network: 'open' }).join(' ')).toContain('user,id=net0,restrict=off');
  });

  it('say the format of the root disk, and that no qcow2 has a backing file whatever it claims', () => {
    const blockdev = (format: 'raw' | 'qcow2') => {
      const args = lineOf({ rootDisk: { path: '/data/root', format } });
      return JSON.parse(args[args.indexOf('-blockdev') + 1] ?? '') as unknown;
    };
    expect(blockdev('raw')).toMatchObject({ driver: 'raw', file: { driver: 'file', filename: '/data/root' } });
    expect(blockdev('qcow2')).toMatchObject({ driver: 'qcow2', backing: null });
  });

  it('double the commas of a path, so that a folder’s name adds no option', () => {
    const args = lineOf({}, {}, '/data,server=off');
    expect(args).toContain(`socket,id=qmp,path=/data,,server=off/${ID}/q,server=on,wait=off`);
  });

  it('hold a kernel command line as one argument', () => {
    const args = lineOf({ kernel: { path: '/k', initrdPath: '/i', commandLine: 'console=ttyS0 -monitor stdio' } });
    expect(args.slice(args.indexOf('-kernel'))).toEqual([
      '-kernel',
      '/k',
      '-initrd',
      '/i',
      '-append',
      'console=ttyS0 -monitor stdio',
    ]);
  });
});

describe('the socket of a guest', () => {
  it('is in the guest’s folder, or, where that path is too long for a socket, in a short one that depends on the folder', () => {
    expect(new GuestFolders('/data/instances').of(ID).qmpSocket).toBe(`/data/instances/${ID}/q`);
    const long = `/${'x'.repeat(100)}`;
    const socket = new GuestFolders(long).of(ID).qmpSocket;
    expect(Buffer.byteLength(socket)).toBeLessThan(108);
    expect(new GuestFolders(long).of(ID).qmpSocket).toBe(socket);
    expect(new GuestFolders(`${long}y`).of(ID).qmpSocket).not.toBe(socket);
  });
});
