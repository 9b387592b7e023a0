import type { KeyValueStore } from '../../common/kv/contract.ts';
import { PairTable } from './pair-table.ts';
import type { ActorKind, AssignmentRecord, TargetKind } from './records.ts';

type Parts = Omit<AssignmentRecord, 'id'>;

function actorFirst({ actorKind, actorId, targetKind, targetId, ...role }: Parts): string {
  return `${actorKind}/${actorId}/${targetKind}/${targetId}/${roleOf(role)}`;
}

function targetFirst({ actorKind, actorId, targetKind, targetId, ...role }: Parts): string {
  return `${targetKind}/${targetId}/${actorKind}/${actorId}/${roleOf(role)}`;
}

/** One role may be given on a target and to be inherited from it: two assignments. */
function roleOf({ roleId, inherited }: Pick<Parts, 'roleId' | 'inherited'>): string {
  return inherited ? `${roleId}/inherited` : roleId;
}

export function assignmentOf(parts: Parts): AssignmentRecord {
  return { id: actorFirst(parts), ...parts };
}

/** Role assignments, found by who holds them and by what they are on. */
export class AssignmentTable extends PairTable<AssignmentRecord> {
  constructor(store: KeyValueStore) {
    super(store, { name: 'auth-assignments', forwardId: actorFirst, backwardId: targetFirst });
  }

  ofActor(kind: ActorKind, id: string): Promise<AssignmentRecord[]> {
    return this.listForward(`${kind}/${id}/`);
  }

  ofActorOn(kind: ActorKind, id: string, targetKind: TargetKind, targetId: string): Promise<AssignmentRecord[]> {
    return this.listForward(`${kind}/${id}/${targetKind}/${targetId}/`);
  }

  onTarget(kind: TargetKind, id: string): Promise<AssignmentRecord[]> {
    return this.listBackward(`${kind}/${id}/`);
  }
}
