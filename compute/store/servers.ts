import { type Change, ConflictError, commitChanges } from '../../common/kv/table.ts';
import type { ComputeContext } from '../context.ts';
import { conflict } from '../errors.ts';
import { MOST_ACTIONS_PER_SERVER } from '../limits.ts';
import type { ActionRecord, DeviceRecord, ServerRecord } from './records.ts';

type Tables = Pick<ComputeContext, 'tables' | 'clock'>;

/** Changes the server as it is stored now; undefined when it is gone. `change` may throw to refuse, or return undefined to leave it. */
export async function updateServer(
  { tables, clock }: Tables,
  id: string,
  change: (server: ServerRecord) => ServerRecord | undefined,
): Promise<ServerRecord | undefined> {
  return tables.servers.update(id, (server) => {
    const next = change(server);
    return next && { ...next, updatedMs: clock.nowMs() };
  });
}

/** The server's volumes, in the order of their names. */
export async function devicesOf({ tables }: Pick<Tables, 'tables'>, serverId: string): Promise<DeviceRecord[]> {
  const devices = await tables.devices.list(undefined, `${serverId}/`);
  return devices.sort((left, right) => (left.deviceName < right.deviceName ? -1 : 1));
}

export async function findDevice(
  { tables }: Pick<Tables, 'tables'>,
  serverId: string,
  volumeId: string,
): Promise<DeviceRecord | undefined> {
  return (await tables.devices.findBy('volume', `${serverId}/${volumeId}`))?.record;
}

export async function updateDevice(
  { tables }: Pick<Tables, 'tables'>,
  id: string,
  change: (device: DeviceRecord) => DeviceRecord | undefined,
): Promise<DeviceRecord | undefined> {
  return tables.devices.update(id, change);
}

/** @throws ApiError 409 when the server has the volume, or a device of that name, already. */
export async function insertDevice({ tables }: Pick<Tables, 'tables'>, device: DeviceRecord): Promise<void> {
  try {
    await commitChanges(tables.store, tables.devices.insert(device));
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const byName = error.key === tables.devices.uniqueKeyOf('name', `${device.serverId}/${device.deviceName}`);
    throw conflict(
      byName
        ? `The device name ${device.deviceName} is in use.`
        : `Volume ${device.volumeId} is attached to server ${device.serverId} already.`,
    );
  }
}

export async function removeDevice({ tables }: Pick<Tables, 'tables'>, id: string): Promise<void> {
  const stored = await tables.devices.get(id);
  if (stored) await commitChanges(tables.store, tables.devices.remove(stored));
}

/** Removes the server and what was done to it; its devices are gone by then. */
export async function removeServer({ tables }: Pick<Tables, 'tables'>, id: string): Promise<void> {
  const changes: Change[] = [];
  for await (const action of tables.actions.scan(`${id}/`)) changes.push(tables.actions.remove(action));
  const server = await tables.servers.get(id);
  if (server) changes.push(tables.servers.remove(server));
  if (changes.length > 0) await commitChanges(tables.store, ...changes);
}

/** Notes what a person did, and forgets the oldest beyond `MOST_ACTIONS_PER_SERVER`. */
export async function recordAction(
  { tables, clock }: Tables,
  action: Omit<ActionRecord, 'id' | 'startMs'>,
): Promise<void> {
  const startMs = clock.nowMs();
  const id = `${action.serverId}/${String(Math.floor(startMs * 1000)).padStart(17, '0')}-${action.requestId}`;
  const changes = [tables.actions.insert({ ...action, id, startMs })];
  const earlier = [];
  for await (const each of tables.actions.scan(`${action.serverId}/`)) earlier.push(each);
  for (const each of earlier.slice(0, Math.max(0, earlier.length - MOST_ACTIONS_PER_SERVER + 1)))
    changes.push(tables.actions.remove(each));
  await commitChanges(tables.store, ...changes);
}
