import type { Disk } from '../../../object-server/disk/contract.ts';
import { nodeDisk } from '../../../object-server/disk/node-disk.ts';

/** The machine's disk, that does not give back what it is told. */
export function unreadableDisk(isUnreadable: (path: string, position: number) => boolean): Disk {
  return {
    ...nodeDisk,
    async open(path, options) {
      const file = await nodeDisk.open(path, options);
      const assertReadable = (position: number) => {
        if (isUnreadable(path, position))
          throw Object.assign(new Error('EIO: read'), { code: 'EIO', syscall: 'read', path });
      };
      return {
        read: async (into, position) => {
          assertReadable(position);
          return file.read(into, position);
        },
        readNow: (into, position) => {
          assertReadable(position);
          return file.readNow(into, position);
        },
        write: (parts, position) => file.write(parts, position),
        sync: () => file.sync(),
        sizeBytes: () => file.sizeBytes(),
        truncate: (sizeBytes) => file.truncate(sizeBytes),
        close: () => file.close(),
      };
    },
  };
}
