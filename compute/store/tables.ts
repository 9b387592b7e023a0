import type { KeyValueStore } from '../../common/kv/contract.ts';
import { Table } from '../../common/kv/table.ts';
import type { ActionRecord, DeviceRecord, FlavorRecord, KeypairRecord, ServerRecord } from './records.ts';

/** The compute service's part of the key-value store. */
export interface ComputeTables {
  store: KeyValueStore;
  servers: Table<ServerRecord>;
  /** Children of servers: their ids begin with `<server id>/`. */
  devices: Table<DeviceRecord>;
  flavors: Table<FlavorRecord>;
  keypairs: Table<KeypairRecord>;
  actions: Table<ActionRecord>;
}

export function openTables(store: KeyValueStore): ComputeTables {
  return {
    store,
    servers: new Table(store, { name: 'servers' }),
    devices: new Table(store, {
      name: 'server-devices',
      unique: {
        // a volume is in a server once; a device name is one volume's
        volume: ({ serverId, volumeId }) => (volumeId === null ? undefined : `${serverId}/${volumeId}`),
        name: ({ serverId, deviceName }) => `${serverId}/${deviceName}`,
        attachment: ({ attachmentId }) => attachmentId ?? undefined,
      },
    }),
    flavors: new Table(store, { name: 'flavors', unique: { name: ({ name }) => name } }),
    keypairs: new Table(store, { name: 'keypairs' }),
    actions: new Table(store, { name: 'server-actions' }),
  };
}
