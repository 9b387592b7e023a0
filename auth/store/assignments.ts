import type { KeyValueStore } from '../../common/kv/contract.ts';
import { PairTable } from './pair-table.ts';
import type { ActorKind, AssignmentRecord, TargetKind } from './records.ts';

type Parts = Omit<AssignmentRecord, 'id'>;

function actorFirst({ actorKind, actorId, targetKind, targetId, roleId }: Parts): string {
  return `${actorKind}/${actorId}/${targetKind}/${targetId}/${roleId}`;
}

function targetFirst({ actorKind, actorId, targetKind, targetId, roleId }: Parts): string {
  return `${targetKind}/${targetId}/${actorKind}/${actorId}/${roleId}`;
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
