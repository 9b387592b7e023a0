import type { TargetExport } from '../../targets/contract.ts';
import type { Lun } from '../scsi/command.ts';
import type { Nexus } from '../scsi/nexus.ts';

/** What a target needs of a session to end it. */
export interface TargetSessionHandle {
  readonly initiatorName: string;
  readonly isid: string;
  readonly peer: string;
  readonly nexus: Nexus;
  /** Closes the connection and resolves when no command of the session touches the medium any more. */
  end(): Promise<void>;
}

/** One exported volume under one name. */
export interface Target {
  definition: TargetExport;
  lun: Lun;
  readonly sessions: Set<TargetSessionHandle>;
  /** No login any more: the target is going away. */
  closing: boolean;
}

/** What a login looks up. */
export interface TargetDirectory {
  find(iqn: string): Target | undefined;
  /** Targets whose access list names the initiator. */
  visibleTo(initiatorName: string): Target[];
}

/** iSCSI names are compared without regard to case. Spec: RFC 7143, 4.2.7.1 */
export function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
