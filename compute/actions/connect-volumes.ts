import { hostname } from 'node:os';
import type { ConnectionInfo, Connector } from '../../volume/contract.ts';
import type { ComputeContext } from '../context.ts';
import type { VolumeDisk } from '../hypervisor/contract.ts';
import { asService } from '../services.ts';
import type { DeviceRecord } from '../store/records.ts';
import { updateDevice } from '../store/servers.ts';

/** A device whose volume is there and reserved. */
export type ReservedDevice = DeviceRecord & { volumeId: string; attachmentId: string };

export function isReserved(device: DeviceRecord): device is ReservedDevice {
  return device.volumeId !== null && device.attachmentId !== null;
}

/**
 * Has the volume exported to the guest's initiator. An attachment that is exported already keeps its secret: a session of the guest may
 * live on it.
 */
export async function exportVolume(
  context: ComputeContext,
  device: ReservedDevice,
  signal: AbortSignal,
): Promise<{ disk: VolumeDisk; completed: boolean }> {
  const { volumes } = context;
  return asService(context, signal, async (caller) => {
    const shown = await volumes.showAttachment(caller, device.attachmentId);
    const exported = isExported(shown.connection_info) ? shown.connection_info : undefined;
    const connection =
      exported ??
      (await volumes.updateAttachment(caller, device.attachmentId, connectorOf(context, device))).connection_info;
    return { disk: diskOf(device, connection), completed: shown.status === 'attached' };
  });
}

/** Tells the volume service that the guest has the disk, then notes it: a crash between the two repeats the first. */
export async function completeAttachment(
  context: ComputeContext,
  device: ReservedDevice,
  signal: AbortSignal,
): Promise<void> {
  await asService(context, signal, (caller) => context.volumes.completeAttachment(caller, device.attachmentId));
  await markAttached(context, device);
}

export async function markAttached(context: ComputeContext, device: ReservedDevice): Promise<void> {
  await updateDevice(context, device.id, (each) => ({ ...each, state: 'attached' }));
}

function isExported(info: ConnectionInfo | Record<string, never>): info is ConnectionInfo {
  return 'target_iqn' in info;
}

function connectorOf({ hypervisor }: ComputeContext, device: ReservedDevice): Connector {
  return {
    initiator: hypervisor.initiatorNameOf(device.serverId),
    ip: '127.0.0.1',
    host: hostname(),
    platform: 'x86_64',
    os_type: 'linux',
    multipath: false,
    mountpoint: device.deviceName,
    mode: 'rw',
  };
}

function diskOf({ volumeId, bootIndex }: ReservedDevice, connection: ConnectionInfo): VolumeDisk {
  return { volumeId, connection, ...(bootIndex !== null && { bootIndex }) };
}
