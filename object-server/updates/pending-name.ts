import { join } from 'node:path';
import type { Device } from '../engine/device.ts';
import type { ObjectFolder } from '../engine/object-folder.ts';
import { formatVersionName, parseVersionName, type VersionName } from '../engine/version-name.ts';

const FORM = /^([0-9a-f]{16})\.([0-9a-f]{40})\.(.+)$/;

export interface PendingName {
  /** The process that wrote it. */
  processToken: string;
  version: VersionName;
}

/** A pending update is a second name of the version's file, in one flat folder per device. */
export function pendingPathOf(device: Device, folder: ObjectFolder, version: VersionName): string {
  return join(device.pendingFolder, `${device.processToken}.${folder.hash}.${formatVersionName(version)}`);
}

export function parsePendingName(file: string): PendingName | undefined {
  const [, processToken, , versionFile = ''] = FORM.exec(file) ?? [];
  const version = parseVersionName(versionFile);
  return processToken === undefined || version === undefined ? undefined : { processToken, version };
}
