import { ApiError, invariant } from '../../../common/errors.ts';
import type { ConnectionInfo } from '../../../volume/contract.ts';
import { conflict, UnplugRefusedError } from '../../errors.ts';
import { HOT_PLUG_PORTS, MOST_SERIAL_CHARACTERS, UNPLUG_ATTEMPTS, UNPLUG_TIMEOUT_MS } from '../../limits.ts';
import { type QmpClient, QmpCommandError } from '../../qmp/client.ts';
import type { VolumeDisk } from '../contract.ts';
import { portName } from './command-line.ts';

/** Names of a volume's parts inside QEMU. */
const namesOf = (volumeId: string) => ({
  secret: `secret-${volumeId}`,
  // node names hold at most 31 characters: the id without its dashes is 32, of which the last 28 are enough to be unique
  node: `vol${volumeId.replaceAll('-', '').slice(-28)}`,
  device: `disk-${volumeId}`,
});

const DEVICE_OF_VOLUME = /^disk-([0-9a-f-]{36})$/;

/**
 * Connects a volume with QEMU's own iSCSI initiator and plugs it into a free port; undone where a step fails.
 * The order: secret, connection, disk; `unplug` goes the other way. An earlier try that a crash interrupted is cleared away first.
 *
 * Spec: QEMU QMP Reference, `blockdev-add` (BlockdevOptionsIscsi), `device_add`.
 */
export async function plug(qmp: QmpClient, volume: VolumeDisk, initiatorName: string): Promise<void> {
  const { connection } = volume;
  const { secret, node, device } = namesOf(volume.volumeId);
  const port = await freePort(qmp);
  try {
    await disconnect(qmp, volume.volumeId);
    await qmp.execute('object-add', { 'qom-type': 'secret', id: secret, data: connection.auth_password });
    await qmp.execute('blockdev-add', iscsiNode(connection, { node, secret, initiatorName }));
    await qmp.execute('device_add', {
      driver: 'virtio-blk-pci',
      id: device,
      drive: node,
      bus: port,
      serial: volume.volumeId.slice(0, MOST_SERIAL_CHARACTERS),
      // an error of the target stops the guest instead of reaching it: it goes on when the target is back
      werror: 'stop',
      rerror: 'stop',
      ...(volume.bootIndex !== undefined && { bootindex: volume.bootIndex }),
    });
  } catch (error) {
    await disconnect(qmp, volume.volumeId).catch(() => undefined);
    if (!(error instanceof QmpCommandError)) throw error;
    throw new ApiError({
      status: 500,
      code: 'VolumeConnectFailed',
      message: `The guest could not connect volume ${volume.volumeId}.`,
      cause: error,
    });
  }
}

function iscsiNode(
  connection: ConnectionInfo,
  { node, secret, initiatorName }: { node: string; secret: string; initiatorName: string },
): Record<string, unknown> {
  const readOnly = connection.access_mode === 'ro';
  return {
    driver: 'raw',
    'node-name': node,
    'read-only': readOnly,
    discard: 'unmap',
    file: {
      driver: 'iscsi',
      'node-name': `${node}-i`.slice(-31),
      transport: 'tcp',
      portal: connection.target_portal,
      target: connection.target_iqn,
      lun: connection.target_lun,
      user: connection.auth_username,
      'password-secret': secret,
      'initiator-name': initiatorName,
      'header-digest': 'none-crc32c',
      // no request ever times out: a target that restarts costs a pause
      timeout: 0,
      cache: { direct: true, 'no-flush': false },
      'read-only': readOnly,
      'auto-read-only': false,
      discard: 'unmap',
    },
  };
}

/**
 * Takes the disk out of the guest, which must agree, then closes the connection to its target.
 *
 * @throws UnplugRefusedError when the guest does not let go in `UNPLUG_ATTEMPTS` × `UNPLUG_TIMEOUT_MS`.
 */
export async function unplug(qmp: QmpClient, volumeId: string): Promise<void> {
  const { device } = namesOf(volumeId);
  for (let attempt = 0; (await pluggedVolumes(qmp)).has(volumeId); attempt += 1) {
    if (attempt >= UNPLUG_ATTEMPTS) throw new UnplugRefusedError(`the guest keeps volume ${volumeId}`);
    // two DEVICE_DELETED come: the first, without `device`, is of the backend alone
    const gone = qmp.waitFor(
      ({ event, data }) => event === 'DEVICE_DELETED' && data['device'] === device,
      UNPLUG_TIMEOUT_MS,
    );
    await qmp.execute('device_del', { id: device }).catch((error: unknown) => {
      // "already in the process of unplug", or gone in between: the event or the next look tells
      if (!(error instanceof QmpCommandError)) throw error;
    });
    await gone;
  }
  await disconnect(qmp, volumeId);
}

/** Closes the connection of a volume that is plugged no longer. */
async function disconnect(qmp: QmpClient, volumeId: string): Promise<void> {
  const { node, secret } = namesOf(volumeId);
  if ((await nodeNames(qmp)).has(node)) await qmp.execute('blockdev-del', { 'node-name': node });
  await qmp.execute('object-del', { id: secret }).catch((error: unknown) => {
    if (!(error instanceof QmpCommandError)) throw error;
  });
}

export async function pluggedVolumes(qmp: QmpClient): Promise<ReadonlySet<string>> {
  const devices = await childrenOf(qmp, '/machine/peripheral');
  return new Set(devices.flatMap((name) => DEVICE_OF_VOLUME.exec(name)?.[1] ?? []));
}

/** @throws ApiError 409 when every port has a disk. */
async function freePort(qmp: QmpClient): Promise<string> {
  const used = new Set<string>();
  for (const volumeId of await pluggedVolumes(qmp)) {
    const path = await qmp.execute('qom-get', {
      path: `/machine/peripheral/${namesOf(volumeId).device}`,
      property: 'parent_bus',
    });
    invariant(typeof path === 'string', 'parent_bus is a path');
    used.add(path);
  }
  for (let index = 0; index < HOT_PLUG_PORTS; index += 1) {
    const name = portName(index);
    if (![...used].some((path) => path.split('/').includes(name))) return name;
  }
  throw conflict(`The server has ${HOT_PLUG_PORTS} volumes already, as many as it can have.`);
}

async function childrenOf(qmp: QmpClient, path: string): Promise<string[]> {
  const list = await qmp.execute('qom-list', { path });
  return arrayOf(list).flatMap(({ name, type }) =>
    typeof name === 'string' && String(type).startsWith('child<') ? [name] : [],
  );
}

async function nodeNames(qmp: QmpClient): Promise<ReadonlySet<string>> {
  const nodes = await qmp.execute('query-named-block-nodes', { flat: true });
  return new Set(arrayOf(nodes).map((node) => String(node['node-name'])));
}

function arrayOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
}
