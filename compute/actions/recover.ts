import type { ComputeContext } from '../context.ts';
import type { DeviceRecord, ServerRecord } from '../store/records.ts';
import { devicesOf, updateServer } from '../store/servers.ts';
import { finishAttach, undoAttach } from './attach-volume.ts';
import { buildServer } from './build-server.ts';
import { deleteServer } from './delete-server.ts';
import { finishDetach } from './detach-volume.ts';
import { resumePowerAction } from './power-server.ts';

/**
 * Finds the guests that ran on without us, notes those that ended, and takes up every operation that a crash interrupted. Returns
 * before those are done: they wait for the other services to answer.
 */
export async function recover(context: ComputeContext): Promise<void> {
  const { hypervisor, tables, operations } = context;
  const servers = await tables.servers.list();
  const running = await hypervisor.adopt(
    servers.map(({ id }) => id),
    { guestEnded: (id) => void noteEnd(context, id) },
  );
  for (const server of servers) {
    if (!running.has(server.id)) await noteEnd(context, server.id);
    void operations.run(server.id, (signal) => resume(context, server, signal));
  }
}

/** A guest that ended by itself is off. One that a task is about is the task's. */
async function noteEnd(context: ComputeContext, serverId: string): Promise<void> {
  await updateServer(context, serverId, (server) =>
    server.vmState === 'active' && server.taskState === null ? { ...server, vmState: 'stopped' } : undefined,
  ).catch((error: unknown) =>
    context.logger.error({ err: error, server: serverId }, 'the end of a guest was not noted'),
  );
}

async function resume(context: ComputeContext, server: ServerRecord, signal: AbortSignal): Promise<void> {
  if (server.taskState === 'deleting') return deleteServer(context, server.id, undefined, signal);
  if (server.taskState === 'spawning') return buildServer(context, server.id, undefined, signal);
  await resumePowerAction(context, server.id, signal);
  for (const device of await devicesOf(context, server.id)) await resumeDevice(context, device, signal);
}

async function resumeDevice(context: ComputeContext, device: DeviceRecord, signal: AbortSignal): Promise<void> {
  if (device.state === 'attaching') await finishAttach(context, device.id, signal);
  else if (device.state === 'detaching') await finishDetach(context, device.id, signal);
  else if (device.state !== 'attached') await undoAttach(context, device.id, signal);
}
