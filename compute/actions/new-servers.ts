import type { DeviceRecord, FlavorRecord } from '../store/records.ts';

/** One entry of `block_device_mapping_v2` that becomes a volume of the server. */
export interface NewDevice {
  /** An existing volume, or what the build shall make one of. */
  from: { volumeId: string } | { source: NonNullable<DeviceRecord['source']> };
  bootIndex: number | null;
  deleteOnTermination: boolean;
  deviceName?: string;
  tag: string | null;
}

export interface NewServers {
  name: string;
  description: string | null;
  flavor: FlavorRecord;
  imageId: string | null;
  devices: readonly NewDevice[];
  metadata: Record<string, string>;
  tags: string[];
  keyName: string | null;
  userData: string | null;
  /** How many: the least that must fit the quota, and the most. */
  count: { least: number; most: number };
}
