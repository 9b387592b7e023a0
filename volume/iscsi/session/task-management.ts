import type { Lun } from '../scsi/command.ts';
import type { Nexus } from '../scsi/nexus.ts';
import { SENSE } from '../scsi/sense.ts';
import { type TaskManagementRequest, TMF } from '../wire/request-pdus.ts';
import type { Task } from './task.ts';

/** Spec: RFC 7143, 11.6.1 */
const RESPONSE = {
  complete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  reassignNotSupported: 4,
  notSupported: 5,
} as const;

/** What a task management function acts on. */
export interface ManagedSession {
  readonly lun: Lun | undefined;
  readonly nexus: Nexus;
  readonly tasks: ReadonlyMap<number, Task>;
  addresses(lun: Buffer): boolean;
}

/**
 * Carries out a task management function. Commands that were on the medium are waited for: when the initiator reads the response,
 * nothing that it aborted can still change a byte. Aborted commands are not answered.
 *
 * Spec: RFC 7143, 11.5; SAM-5, 7
 */
export async function manageTasks(
  session: ManagedSession,
  request: TaskManagementRequest,
): Promise<{ response: number; dropSessions: boolean }> {
  const answer = (response: number, dropSessions = false) => ({ response, dropSessions });
  const { lun, nexus, tasks } = session;
  if (lun === undefined) return answer(RESPONSE.notSupported); // a discovery session
  const perUnit: readonly number[] = [TMF.abortTaskSet, TMF.clearTaskSet, TMF.lunReset];
  if (perUnit.includes(request.operation) && !session.addresses(request.lun)) return answer(RESPONSE.lunDoesNotExist);
  switch (request.operation) {
    case TMF.abortTask: {
      const task = tasks.get(request.referencedTag);
      if (task === undefined) return answer(RESPONSE.taskDoesNotExist);
      await task.abort();
      return answer(RESPONSE.complete);
    }
    case TMF.abortTaskSet:
      await nexus.abortCommands();
      return answer(RESPONSE.complete);
    case TMF.clearTaskSet:
      lun.unit.attendAll(SENSE.commandsCleared, nexus);
      await abortEverywhere(lun);
      return answer(RESPONSE.complete);
    case TMF.lunReset:
    case TMF.targetWarmReset:
    case TMF.targetColdReset:
      await abortEverywhere(lun);
      lun.unit.reset();
      return answer(RESPONSE.complete, request.operation === TMF.targetColdReset);
    case TMF.taskReassign:
      return answer(RESPONSE.reassignNotSupported);
    default:
      return answer(RESPONSE.notSupported);
  }
}

async function abortEverywhere({ unit }: Lun): Promise<void> {
  await Promise.all([...unit.nexuses].map((nexus) => nexus.abortCommands()));
}
