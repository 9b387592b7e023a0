import type { ComputeContext } from '../context.ts';
import { faultMessageOf } from '../errors.ts';
import { beginAction, type ServerAction } from '../state.ts';
import type { ServerRecord, TaskState, VmState } from '../store/records.ts';
import { updateServer } from '../store/servers.ts';
import { runGuest } from './run-guest.ts';

type PowerTask = Extract<TaskState, 'powering-on' | 'powering-off' | 'rebooting' | 'rebooting_hard'>;

/** @throws ApiError 409 when the server's state does not allow it. */
export async function beginPowerAction(
  context: ComputeContext,
  serverId: string,
  action: Extract<ServerAction, 'start' | 'stop' | 'reboot soft' | 'reboot hard'>,
): Promise<void> {
  await updateServer(context, serverId, (server) => beginAction(server, action));
  void context.operations.run(serverId, (signal) => resumePowerAction(context, serverId, signal));
}

/** Carries out, or goes on with, the power action that the server's record holds. */
export async function resumePowerAction(context: ComputeContext, serverId: string, signal: AbortSignal): Promise<void> {
  const server = (await context.tables.servers.get(serverId))?.record;
  if (!server || !isPowerTask(server.taskState)) return;
  try {
    await finish(context, server, await STEPS[server.taskState](context, server, signal));
  } catch (error) {
    if (signal.aborted) return;
    context.logger.warn({ err: error, server: serverId, task: server.taskState }, 'a power action failed');
    const running = context.hypervisor.isRunning(serverId);
    await finish(context, server, running ? 'active' : 'stopped', faultMessageOf(error));
  }
}

const STEPS: Record<
  PowerTask,
  (context: ComputeContext, server: ServerRecord, signal: AbortSignal) => Promise<VmState>
> = {
  'powering-on': start,
  'powering-off': async ({ hypervisor }, { id }) => {
    await hypervisor.powerOff(id, false);
    return 'stopped';
  },
  rebooting: async (context, server, signal) => {
    await context.hypervisor.powerOff(server.id, false);
    return start(context, server, signal);
  },
  rebooting_hard: async (context, server, signal) => {
    await context.hypervisor.powerOff(server.id, true);
    return start(context, server, signal);
  },
};

async function start(context: ComputeContext, server: ServerRecord, signal: AbortSignal): Promise<VmState> {
  if (!context.hypervisor.isRunning(server.id)) await runGuest(context, server, signal);
  return 'active';
}

async function finish(
  context: ComputeContext,
  { id, taskState }: ServerRecord,
  vmState: VmState,
  failure?: string,
): Promise<void> {
  await updateServer(context, id, (server) => ({
    ...server,
    vmState,
    taskState: server.taskState === taskState ? null : server.taskState,
    fault: failure === undefined ? null : { code: 500, message: failure, createdMs: context.clock.nowMs() },
  }));
}

function isPowerTask(task: TaskState | null): task is PowerTask {
  return task !== null && task in STEPS;
}
