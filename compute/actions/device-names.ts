import { conflict } from '../errors.ts';
import type { DeviceRecord, ServerRecord } from '../store/records.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

export const DEVICE_NAME = /^(\/dev\/)?vd[a-z]$/;

/** `vdc` and `/dev/vdc` are the same name. */
export function fullDeviceName(name: string): string {
  return name.startsWith('/dev/') ? name : `/dev/${name}`;
}

/** The first name that no disk of the server has. */
export function freeDeviceName(
  server: Pick<ServerRecord, 'image'>,
  devices: readonly Pick<DeviceRecord, 'deviceName'>[],
): string {
  const taken = new Set(devices.map(({ deviceName }) => deviceName));
  if (server.image) taken.add('/dev/vda');
  for (const letter of LETTERS) if (!taken.has(`/dev/vd${letter}`)) return `/dev/vd${letter}`;
  throw conflict('No device name is left.');
}
