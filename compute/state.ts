import { wrongState } from './errors.ts';
import type { ServerRecord, TaskState, VmState } from './store/records.ts';

/** What can be asked of a server, and which states allow it. */
interface Rule {
  vmStates: readonly VmState[];
  /** The task that is recorded while it goes on. */
  task?: TaskState;
}

const ALL: readonly VmState[] = ['building', 'active', 'stopped', 'error'];

/** Spec: Compute API guide, "Server concepts"; nova's `check_instance_state` conditions of the actions that exist here. */
const RULES = {
  start: { vmStates: ['stopped'], task: 'powering-on' },
  stop: { vmStates: ['active', 'error'], task: 'powering-off' },
  'reboot soft': { vmStates: ['active'], task: 'rebooting' },
  'reboot hard': { vmStates: ['active', 'stopped', 'error'], task: 'rebooting_hard' },
  attach_volume: { vmStates: ['active', 'stopped'] },
  detach_volume: { vmStates: ['active', 'stopped'] },
} as const satisfies Record<string, Rule>;

export type ServerAction = keyof typeof RULES;

/**
 * The server with the action's task recorded.
 *
 * @throws ApiError 409 when the server's state does not allow the action.
 */
export function beginAction(server: ServerRecord, action: ServerAction): ServerRecord {
  const rule: Rule = RULES[action];
  if (!rule.vmStates.includes(server.vmState)) throw wrongState(action, server.id, 'vm_state', server.vmState);
  if (server.taskState !== null) throw wrongState(action, server.id, 'task_state', server.taskState);
  return rule.task === undefined ? server : { ...server, taskState: rule.task };
}

/** Deletion is allowed in every state, and over every task but itself. */
export function beginDelete(server: ServerRecord): ServerRecord | undefined {
  return server.taskState === 'deleting' || !ALL.includes(server.vmState)
    ? undefined
    : { ...server, taskState: 'deleting' };
}

/** `status` as the API shows it. Spec: Compute API guide, "Server status". */
export function statusOf({ vmState, taskState }: Pick<ServerRecord, 'vmState' | 'taskState'>): string {
  if (vmState === 'active' && taskState === 'rebooting') return 'REBOOT';
  if (taskState === 'rebooting_hard') return 'HARD_REBOOT';
  return { building: 'BUILD', active: 'ACTIVE', stopped: 'SHUTOFF', error: 'ERROR' }[vmState];
}

/** `OS-EXT-STS:power_state`: 0 no state, 1 running, 4 shut down. */
export function powerStateOf({ vmState }: Pick<ServerRecord, 'vmState'>): number {
  return { building: 0, active: 1, stopped: 4, error: 0 }[vmState];
}
