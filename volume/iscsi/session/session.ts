import type { Semaphore } from '../backing/semaphore.ts';
import {
  COMMAND_WINDOW,
  DATA_OUT_TIMEOUT_MS,
  KEEPALIVE_DEAD_MS,
  KEEPALIVE_IDLE_MS,
  MAX_IMMEDIATE_COMMANDS,
  MAX_RECV_SEGMENT_BYTES,
} from '../limits.ts';
import type { IscsiLogger } from '../logger.ts';
import type { Lun } from '../scsi/command.ts';
import { Nexus } from '../scsi/nexus.ts';
import { parseLun } from '../scsi/report-luns.ts';
import { runCommand } from '../scsi/run-command.ts';
import { ScsiError, SENSE, STATUS } from '../scsi/sense.ts';
import type { PduError } from '../wire/decode-pdu.ts';
import { cmdSnOf, isAfter, isImmediate, NO_TAG, opcodeOf, type Pdu, REQUEST, taskTagOf } from '../wire/pdu.ts';
import {
  ATTRIBUTE,
  decodeDataOut,
  decodeLogout,
  decodeNopOut,
  decodeScsiCommand,
  decodeTaskManagement,
  type ScsiCommandRequest,
} from '../wire/request-pdus.ts';
import {
  encodeLogoutResponse,
  encodeNopIn,
  encodeReject,
  encodeTaskManagementResponse,
  REJECT,
  type Serials,
} from '../wire/response-pdus.ts';
import type { Connection, PduHandler } from './connection.ts';
import type { LoginOutcome } from './login.ts';
import type { SessionParameters } from './negotiation.ts';
import type { Target, TargetSessionHandle } from './target.ts';
import { Task, TaskAbortedError, type TaskChannel } from './task.ts';
import { manageTasks } from './task-management.ts';
import { TextExchange } from './text-exchange.ts';

const noLun = Buffer.alloc(8);

/** What sessions share. */
export interface SessionHost {
  readonly solicited: Semaphore;
  readonly log: IscsiLogger;
  /** The session is over, and none of its commands runs any more. */
  onEnd(): void;
}

/** A session in its full feature phase, on its only connection. Spec: RFC 7143, 4.2 and 7 */
export class Session implements PduHandler, TargetSessionHandle, TaskChannel {
  readonly initiatorName: string;
  readonly isid: string;
  readonly peer: string;
  readonly parameters: SessionParameters;
  readonly solicited: Semaphore;
  /** Undefined for a discovery session. */
  readonly target: Target | undefined;
  readonly nexus: Nexus;
  readonly tasks = new Map<number, Task>();

  readonly #connection: Connection;
  readonly #connectionId: number;
  readonly #log: IscsiLogger;
  readonly #onEnd: () => void;
  readonly #text: TextExchange;
  /** Requests that came before their turn, by CmdSN; at most a window of them. */
  readonly #early = new Map<number, Pdu>();
  #statSn: number;
  #expCmdSn: number;
  #maxCmdSn: number;
  #lastTransferTag = 0;
  #lastOrdered: Task | undefined;
  #pingedAtMs: number | undefined;
  #ended: Promise<void> | undefined;

  constructor(connection: Connection, outcome: LoginOutcome, host: SessionHost) {
    this.initiatorName = outcome.initiatorName;
    this.isid = outcome.isid;
    this.peer = connection.peer;
    this.parameters = outcome.parameters;
    this.target = outcome.target;
    this.solicited = host.solicited;
    this.#log = host.log;
    this.#onEnd = host.onEnd;
    this.#connection = connection;
    this.#connectionId = outcome.connectionId;
    this.#statSn = outcome.statSn;
    this.#expCmdSn = outcome.expCmdSn;
    this.#maxCmdSn = (outcome.expCmdSn + COMMAND_WINDOW - 1) >>> 0;
    this.nexus = new Nexus(`${outcome.initiatorName.toLowerCase()},i,0x${outcome.isid}`, () => this.#abortAll());
    this.#text = new TextExchange(this, outcome, connection);
    const { headerDigest, dataDigest } = outcome.parameters;
    connection.configure({ header: headerDigest, data: dataDigest }, MAX_RECV_SEGMENT_BYTES);
    connection.handler = this;
    this.target?.sessions.add(this);
    this.target?.lun.unit.join(this.nexus);
  }

  get lun(): Lun | undefined {
    return this.target?.lun;
  }

  /** Puts a request in its place in the order of CmdSN. Spec: RFC 7143, 4.2.2.1 */
  receive(pdu: Pdu): void {
    this.#pingedAtMs = undefined;
    const opcode = opcodeOf(pdu);
    if (opcode === REQUEST.dataOut || opcode === REQUEST.snack || isImmediate(pdu)) {
      this.#dispatch(pdu);
      return;
    }
    const cmdSn = cmdSnOf(pdu);
    if (isAfter(this.#expCmdSn, cmdSn) || isAfter(cmdSn, this.#maxCmdSn)) return; // outside the window: ignored
    if (cmdSn !== this.#expCmdSn) {
      this.#early.set(cmdSn, pdu);
      return;
    }
    for (let next: Pdu | undefined = pdu; next !== undefined; next = this.#early.get(this.#expCmdSn)) {
      this.#early.delete(this.#expCmdSn);
      this.#expCmdSn = (this.#expCmdSn + 1) >>> 0;
      this.#dispatch(next);
    }
  }

  streamFailed(error: PduError): void {
    this.#log.warn({ peer: this.peer, kind: error.kind }, 'iSCSI stream damaged; the session ends');
    if (error.kind === 'data-digest') this.reject(REJECT.dataDigest, error.bhs);
  }

  closed(): void {
    void this.end();
  }

  /** Closes the connection and resolves when no command of the session touches the medium any more. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  /** Looks at the time: asks a silent initiator, drops a dead one. */
  tick(nowMs: number): void {
    const silentMs = nowMs - this.#connection.heardAtMs;
    const owes = [...this.tasks.values()].some(
      ({ waitingSinceMs }) => waitingSinceMs !== undefined && nowMs - waitingSinceMs > DATA_OUT_TIMEOUT_MS,
    );
    if (silentMs > KEEPALIVE_DEAD_MS || owes) {
      this.#log.warn(
        { peer: this.peer, initiator: this.initiatorName },
        'iSCSI initiator went silent; the session ends',
      );
      this.#connection.destroy();
    } else if (silentMs > KEEPALIVE_IDLE_MS && this.#pingedAtMs === undefined) {
      this.#pingedAtMs = nowMs;
      const ping = { lun: noLun, taskTag: NO_TAG, transferTag: this.newTransferTag(), data: Buffer.alloc(0) };
      this.send((serials) => encodeNopIn(ping, serials));
    }
  }

  send(encode: (serials: Serials) => Pdu): void {
    this.#connection.send(encode(this.#serials()));
  }

  sendStatus(encode: (serials: Serials) => Pdu): void {
    const serials = this.#serials();
    this.#statSn = (this.#statSn + 1) >>> 0;
    this.#connection.send(encode(serials));
  }

  reject(reason: number, bhs: Buffer): void {
    this.sendStatus((serials) => encodeReject(reason, bhs, serials));
  }

  writable(): Promise<void> {
    return this.#connection.writable();
  }

  newTransferTag(): number {
    this.#lastTransferTag = (this.#lastTransferTag + 1) % NO_TAG;
    return this.#lastTransferTag;
  }

  /** Whether `lun` addresses the unit of the target. */
  addresses(lun: Buffer): boolean {
    return this.lun !== undefined && parseLun(lun) === this.lun.lun;
  }

  /** The window opens as commands end, and never moves back. */
  #serials(): Serials {
    const opened = (this.#expCmdSn + Math.max(0, COMMAND_WINDOW - this.tasks.size) - 1) >>> 0;
    if (isAfter(opened, this.#maxCmdSn)) this.#maxCmdSn = opened;
    return { statSn: this.#statSn, expCmdSn: this.#expCmdSn, maxCmdSn: this.#maxCmdSn };
  }

  #dispatch(pdu: Pdu): void {
    switch (opcodeOf(pdu)) {
      case REQUEST.scsiCommand:
        this.#scsiCommand(pdu);
        break;
      case REQUEST.dataOut: {
        const request = decodeDataOut(pdu);
        // Data for a task that is gone was on its way when the task ended.
        this.tasks.get(request.taskTag)?.dataOut(request);
        break;
      }
      case REQUEST.nopOut:
        this.#nopOut(pdu);
        break;
      case REQUEST.taskManagement:
        void this.#taskManagement(pdu);
        break;
      case REQUEST.text:
        this.#text.receive(pdu);
        break;
      case REQUEST.logout:
        this.#logout(pdu);
        break;
      case REQUEST.snack:
        this.reject(REJECT.snack, pdu.bhs);
        break;
      case REQUEST.login:
        this.reject(REJECT.protocolError, pdu.bhs);
        break;
      default:
        this.reject(REJECT.notSupported, pdu.bhs);
        break;
    }
  }

  #scsiCommand(pdu: Pdu): void {
    const request = decodeScsiCommand(pdu);
    const refused = this.#refusal(pdu, request);
    if (refused !== undefined || this.lun === undefined) {
      this.reject(refused ?? REJECT.protocolError, pdu.bhs);
      return;
    }
    const task = new Task(request, this);
    void this.#run(task, this.lun, this.#predecessors(request, task));
  }

  /** Why a command is given back unread; undefined for one that may run. */
  #refusal(pdu: Pdu, request: ScsiCommandRequest): number | undefined {
    const { parameters } = this;
    if (pdu.ahs.length > 0 || (request.reads && request.writes)) return REJECT.notSupported; // long CDBs, bidirectional
    if (this.tasks.has(request.taskTag) || request.taskTag === NO_TAG) return REJECT.taskInProgress;
    const immediateBytes = request.writes && parameters.immediateData ? parameters.firstBurstBytes : 0;
    if (request.immediateData.length > Math.min(immediateBytes, request.expectedBytes)) return REJECT.protocolError;
    if (!request.final && parameters.initialR2t) return REJECT.protocolError;
    if (isImmediate(pdu) && this.tasks.size >= COMMAND_WINDOW + MAX_IMMEDIATE_COMMANDS) return REJECT.tooManyImmediate;
    return undefined;
  }

  /** What must have ended before: an ORDERED command comes after all, all come after it. Spec: SAM-5, 8.6 */
  #predecessors({ attribute }: ScsiCommandRequest, task: Task): Promise<unknown> | undefined {
    const before =
      attribute === ATTRIBUTE.ordered
        ? Promise.all([...this.tasks.values()].map(({ finished }) => finished))
        : this.#lastOrdered?.finished;
    if (attribute === ATTRIBUTE.ordered) this.#lastOrdered = task;
    return before;
  }

  async #run(task: Task, lun: Lun, before: Promise<unknown> | undefined): Promise<void> {
    const { taskTag, cdb } = task.request;
    this.tasks.set(taskTag, task);
    let answer: () => void;
    try {
      if (before !== undefined) await before;
      if (task.aborted) throw new TaskAbortedError();
      const addressed = this.addresses(task.request.lun);
      const last = await runCommand({ cdb, lun, addressed, nexus: this.nexus, transfer: task, signal: task });
      answer = () => task.succeed(last);
    } catch (error) {
      const failure = this.#asScsiError(error, task);
      answer = () => task.fail(failure);
    }
    // The task leaves first: its response opens the window for the next one.
    this.tasks.delete(taskTag);
    if (this.#lastOrdered === task) this.#lastOrdered = undefined;
    if (!task.aborted) answer();
    task.end();
  }

  #asScsiError(error: unknown, task: Task): ScsiError {
    const where = { target: this.target?.definition.iqn, opcode: task.request.cdb.readUInt8(0) };
    if (error instanceof ScsiError) {
      if (error.cause !== undefined)
        this.#log.error({ ...where, err: error.cause }, 'a SCSI command failed on the medium');
      return error;
    }
    if (!(error instanceof TaskAbortedError))
      this.#log.error({ ...where, err: error }, 'a SCSI command failed by a bug');
    return new ScsiError(STATUS.checkCondition, SENSE.internalTargetFailure);
  }

  #nopOut(pdu: Pdu): void {
    const { lun, taskTag, data } = decodeNopOut(pdu);
    if (taskTag === NO_TAG) return; // the answer to our ping
    const echoed = data.subarray(0, this.parameters.maxSendSegmentBytes);
    this.sendStatus((serials) => encodeNopIn({ lun, taskTag, transferTag: NO_TAG, data: echoed }, serials));
  }

  async #taskManagement(pdu: Pdu): Promise<void> {
    const request = decodeTaskManagement(pdu);
    const { response, dropSessions } = await manageTasks(this, request);
    this.sendStatus((serials) => encodeTaskManagementResponse(request.taskTag, response, serials));
    if (dropSessions) for (const session of this.target?.sessions ?? []) void session.end();
  }

  /** Spec: RFC 7143, 11.14 and 11.15 */
  #logout(pdu: Pdu): void {
    const { reason, connectionId } = decodeLogout(pdu);
    const response = reason === 2 ? 2 : reason === 1 && connectionId !== this.#connectionId ? 1 : 0;
    this.sendStatus((serials) => encodeLogoutResponse(taskTagOf(pdu), response, serials));
    if (response === 0) this.#connection.end();
  }

  async #abortAll(): Promise<void> {
    await Promise.all([...this.tasks.values()].map((task) => task.abort()));
  }

  async #end(): Promise<void> {
    this.#connection.end();
    this.#early.clear();
    await this.#abortAll();
    this.target?.lun.unit.leave(this.nexus);
    this.target?.sessions.delete(this);
    this.#onEnd();
    this.#log.info({ peer: this.peer, initiator: this.initiatorName }, 'iSCSI session ended');
  }
}
