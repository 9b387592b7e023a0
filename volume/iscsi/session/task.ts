import { invariant } from '../../../common/errors.ts';
import type { Semaphore } from '../backing/semaphore.ts';
import { MAX_SEND_SEGMENT_BYTES } from '../limits.ts';
import type { DataTransfer } from '../scsi/command.ts';
import { checkCondition, encodeFixedSense, type ScsiError, SENSE, STATUS } from '../scsi/sense.ts';
import { NO_TAG, type Pdu } from '../wire/pdu.ts';
import type { DataOutRequest, ScsiCommandRequest } from '../wire/request-pdus.ts';
import {
  encodeDataIn,
  encodeR2t,
  encodeScsiResponse,
  type ReadyToTransfer,
  type Residual,
  type Serials,
} from '../wire/response-pdus.ts';
import type { SessionParameters } from './negotiation.ts';

/** What a task needs of its session. */
export interface TaskChannel {
  readonly parameters: SessionParameters;
  /** Data-out bytes that may be asked for, over all sessions. */
  readonly solicited: Semaphore;
  /** Sends a PDU that ends the task: it uses up a StatSN. */
  sendStatus(encode: (serials: Serials) => Pdu): void;
  /** Sends any other PDU. */
  send(encode: (serials: Serials) => Pdu): void;
  writable(): Promise<void>;
  newTransferTag(): number;
}

/** The command was given up: its handler unwinds, nothing is answered. */
export class TaskAbortedError extends Error {
  override readonly name = 'TaskAbortedError';
}

interface OpenR2t {
  transferTag: number;
  endBytes: number;
}

const empty = Buffer.alloc(0);

/** One SCSI command between its request and its response: moves its data, counts what was moved. */
export class Task implements DataTransfer {
  readonly request: ScsiCommandRequest;
  /** Resolves when the handler has ended, however. */
  readonly finished: Promise<void>;
  /** Since when the initiator owes data, on the clock of `performance.now()`. */
  waitingSinceMs: number | undefined;

  readonly #channel: TaskChannel;
  #finish: () => void = () => {};
  #aborted = false;
  #failure: ScsiError | undefined;
  /** Data-out, without gaps: what has come so far. */
  #pieces: Buffer[] = [];
  #receivedBytes = 0;
  #wantedBytes: number | undefined;
  #unsolicitedEnded: boolean;
  #r2t: OpenR2t | undefined;
  #r2tSn = 0;
  #expDataSn = 0;
  #arrival: { resolve: () => void; reject: (error: Error) => void } | undefined;
  /** Data-in: what the handler gave, and what of it has gone out. */
  #producedBytes = 0;
  #sentBytes = 0;
  #dataSn = 0;
  #burstBytes = 0;

  constructor(request: ScsiCommandRequest, channel: TaskChannel) {
    this.request = request;
    this.#channel = channel;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#unsolicitedEnded = request.final || !request.writes;
    if (request.immediateData.length > 0) {
      this.#pieces.push(request.immediateData);
      this.#receivedBytes = request.immediateData.length;
    }
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get expectedOutBytes(): number {
    return this.request.writes ? this.request.expectedBytes : 0;
  }

  get #expectedInBytes(): number {
    return this.request.reads ? this.request.expectedBytes : 0;
  }

  /** Gives the task up; resolves when its handler has ended. */
  abort(): Promise<void> {
    this.#aborted = true;
    this.#arrival?.reject(new TaskAbortedError());
    return this.finished;
  }

  /** The handler has ended. */
  end(): void {
    this.#pieces = [];
    this.#finish();
  }

  async receive(lengthBytes: number): Promise<Buffer[]> {
    invariant(this.#wantedBytes === undefined, 'data-out is asked for once');
    this.#wantedBytes = lengthBytes;
    const neededBytes = Math.min(lengthBytes, this.expectedOutBytes);
    if (!this.#unsolicitedEnded) await this.#arrive();
    while (this.#receivedBytes < neededBytes) await this.#solicit(neededBytes);
    if (this.#failure !== undefined) throw this.#failure;
    const pieces = this.#pieces;
    this.#pieces = [];
    return this.#receivedBytes > neededBytes ? [Buffer.concat(pieces).subarray(0, neededBytes)] : pieces;
  }

  /** Asks for the next burst and waits until it is here. */
  async #solicit(neededBytes: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const lengthBytes = Math.min(neededBytes - this.#receivedBytes, this.#channel.parameters.maxBurstBytes);
    await this.#channel.solicited.acquire(lengthBytes);
    try {
      if (this.#aborted) throw new TaskAbortedError();
      const r2t: ReadyToTransfer = {
        lun: this.request.lun,
        taskTag: this.request.taskTag,
        transferTag: this.#channel.newTransferTag(),
        r2tSn: this.#r2tSn,
        offsetBytes: this.#receivedBytes,
        lengthBytes,
      };
      this.#r2tSn += 1;
      this.#expDataSn = 0;
      this.#r2t = { transferTag: r2t.transferTag, endBytes: r2t.offsetBytes + lengthBytes };
      this.#channel.send((serials) => encodeR2t(r2t, serials));
      await this.#arrive();
    } finally {
      this.#channel.solicited.release(lengthBytes);
    }
  }

  /** Waits for the end of the sequence that the initiator is sending. */
  async #arrive(): Promise<void> {
    if (this.#aborted) throw new TaskAbortedError();
    if (this.#failure !== undefined) throw this.#failure;
    this.waitingSinceMs = performance.now();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#arrival = { resolve, reject };
      });
    } finally {
      this.#arrival = undefined;
      this.waitingSinceMs = undefined;
    }
  }

  /** Takes a Data-Out; one that is not the next one fails the command. Spec: RFC 7143, 11.7 and 7.9 */
  dataOut(request: DataOutRequest): void {
    if (this.#failure !== undefined || this.#aborted) return;
    const limitBytes = this.#sequenceLimit(request);
    const inOrder = request.dataSn === this.#expDataSn && request.offsetBytes === this.#receivedBytes;
    const endBytes = request.offsetBytes + request.data.length;
    if (limitBytes === undefined || !inOrder || endBytes > limitBytes) {
      this.#failDataPhase();
      return;
    }
    this.#expDataSn += 1;
    if (request.data.length > 0) this.#pieces.push(request.data);
    this.#receivedBytes = endBytes;
    if (this.waitingSinceMs !== undefined) this.waitingSinceMs = performance.now();
    if (!request.final) return;
    if (request.transferTag === NO_TAG) this.#unsolicitedEnded = true;
    else {
      if (endBytes < limitBytes) {
        this.#failDataPhase();
        return;
      }
      this.#r2t = undefined;
    }
    this.#arrival?.resolve();
  }

  /** Where the sequence that a Data-Out belongs to must end at the latest; undefined if nobody asked for it. */
  #sequenceLimit({ transferTag }: DataOutRequest): number | undefined {
    if (transferTag === NO_TAG) {
      if (this.#unsolicitedEnded) return undefined;
      return Math.min(this.#channel.parameters.firstBurstBytes, this.expectedOutBytes);
    }
    return this.#r2t?.transferTag === transferTag ? this.#r2t.endBytes : undefined;
  }

  #failDataPhase(): void {
    this.#failure = checkCondition(SENSE.dataPhaseError);
    this.#arrival?.reject(this.#failure);
  }

  async send(data: Buffer): Promise<void> {
    if (this.#aborted) throw new TaskAbortedError();
    this.#sendDataIn(data, false);
    await this.#channel.writable();
    if (this.#aborted) throw new TaskAbortedError();
  }

  /** Ends the task with GOOD. */
  succeed(last: Buffer = empty): void {
    if (this.#failure !== undefined) {
      this.fail(this.#failure);
      return;
    }
    const statusSent = this.#sendDataIn(last, true);
    if (!statusSent) this.#respond(STATUS.good, empty, this.#residual());
  }

  /** Ends the task with another status. */
  fail({ status, sense }: ScsiError): void {
    // Data that never moved counts as missing, whatever the CDB wanted.
    const missingBytes = this.request.expectedBytes - this.#sentBytes;
    const residual: Residual =
      missingBytes > 0 ? { kind: 'underflow', bytes: missingBytes } : { kind: 'none', bytes: 0 };
    this.#respond(status, sense === undefined ? empty : encodeFixedSense(sense), residual);
  }

  #respond(scsiStatus: number, sense: Buffer, residual: Residual): void {
    const response = { taskTag: this.request.taskTag, scsiStatus, residual, sense, expDataSn: this.#dataSn };
    this.#channel.sendStatus((serials) => encodeScsiResponse(response, serials));
  }

  /**
   * Cuts data-in into PDUs and sends as much as the initiator expects; the rest only counts as overflow.
   *
   * @returns whether the status went out with the last PDU.
   */
  #sendDataIn(data: Buffer, isLast: boolean): boolean {
    const { maxSendSegmentBytes, maxBurstBytes } = this.#channel.parameters;
    this.#producedBytes += data.length;
    const payload = data.subarray(0, Math.max(0, this.#expectedInBytes - this.#sentBytes));
    const segmentBytes = Math.min(maxSendSegmentBytes, MAX_SEND_SEGMENT_BYTES);
    for (let at = 0; at < payload.length; ) {
      const length = Math.min(segmentBytes, payload.length - at, maxBurstBytes - this.#burstBytes);
      const endsTask = isLast && at + length === payload.length;
      this.#burstBytes += length;
      const endsBurst = this.#burstBytes === maxBurstBytes;
      if (endsBurst) this.#burstBytes = 0;
      const pdu = {
        taskTag: this.request.taskTag,
        dataSn: this.#dataSn,
        offsetBytes: this.#sentBytes,
        final: endsTask || endsBurst || this.#sentBytes + length === this.#expectedInBytes,
        data: payload.subarray(at, at + length),
      };
      this.#dataSn += 1;
      this.#sentBytes += length;
      at += length;
      if (endsTask) {
        const status = { scsiStatus: STATUS.good, residual: this.#residual() };
        this.#channel.sendStatus((serials) => encodeDataIn({ ...pdu, status }, serials));
        return true;
      }
      this.#channel.send((serials) => encodeDataIn(pdu, serials));
    }
    return false;
  }

  /** Spec: RFC 7143, 11.4.5.1 */
  #residual(): Residual {
    const moved = this.#producedBytes > 0 ? this.#producedBytes : (this.#wantedBytes ?? 0);
    const difference = moved - this.request.expectedBytes;
    if (difference === 0) return { kind: 'none', bytes: 0 };
    return difference > 0 ? { kind: 'overflow', bytes: difference } : { kind: 'underflow', bytes: -difference };
  }
}
