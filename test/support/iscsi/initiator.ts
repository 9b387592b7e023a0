import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { chapResponse } from '../../../volume/iscsi/session/chap.ts';
import { PduDecoder } from '../../../volume/iscsi/wire/decode-pdu.ts';
import { encodePdu } from '../../../volume/iscsi/wire/encode-pdu.ts';
import {
  type Digests,
  NO_TAG,
  newBhs,
  newPdu,
  opcodeOf,
  type Pdu,
  REQUEST,
  RESPONSE,
} from '../../../volume/iscsi/wire/pdu.ts';
import { encodeText, parseText, type TextPairs } from '../../../volume/iscsi/wire/text.ts';

export interface LoginOptions {
  initiatorName: string;
  targetName?: string;
  username?: string;
  secret?: string;
  discovery?: boolean;
  isid?: string;
  algorithms?: string;
  operational?: TextPairs;
  /** What happens between the proof and the last login request. */
  beforeLast?: () => Promise<void>;
}

export interface CommandResult {
  status: number;
  data: Buffer;
  /** Sense key, ASC and ASCQ. */
  sense: readonly number[] | undefined;
  residual: number;
  flags: number;
}

/** An initiator that does what it is told, wrong things too. */
export class Initiator {
  readonly socket: Socket;
  readonly received: Pdu[] = [];
  cmdSn = 1;
  statSn = 0;
  closed = false;
  readonly #decoder = new PduDecoder(1 << 24);
  #digests: Digests = { header: false, data: false };
  #taskTag = 0;
  #isid = '800000000001';
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#decoder.push(chunk);
      for (let pdu = this.#decoder.next(); pdu !== undefined; pdu = this.#decoder.next()) {
        this.received.push(pdu);
        this.#switchDigests(pdu);
      }
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  static async connect(port: number): Promise<Initiator> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Initiator(socket);
  }

  send(pdu: Pdu): void {
    for (const piece of encodePdu(pdu, this.#digests)) this.socket.write(piece);
  }

  /** The next PDU; undefined when the connection has closed. */
  async next(): Promise<Pdu | undefined> {
    for (;;) {
      const pdu = this.received.shift();
      if (pdu !== undefined || this.closed) return pdu;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await this.next();
  }

  newTaskTag(): number {
    this.#taskTag += 1;
    return this.#taskTag;
  }

  /** One login request and its answer. */
  async loginStep(
    stages: { current: number; next?: number },
    pairs: TextPairs,
  ): Promise<{ status: number; text: Map<string, string>; transit: boolean }> {
    this.send(this.loginPdu(stages, encodeText(pairs)));
    const response = await this.next();
    if (response === undefined) throw new Error('the target closed the connection');
    return {
      status: response.bhs.readUInt16BE(36),
      text: new Map(parseText(response.data)),
      transit: (response.bhs.readUInt8(1) & 0x80) !== 0,
    };
  }

  loginPdu({ current, next }: { current: number; next?: number }, data: Buffer): Pdu {
    const bhs = newBhs(REQUEST.login | 0x40);
    bhs[1] = (next === undefined ? 0 : 0x80) | (current << 2) | (next ?? 0);
    bhs.write(this.#isid, 8, 6, 'hex');
    bhs.writeUInt32BE(this.cmdSn, 24);
    return newPdu(bhs, data);
  }

  /** A whole login: CHAP, then the operational stage. */
  async login(options: LoginOptions): Promise<number> {
    this.#isid = options.isid ?? this.#isid;
    const identity: [string, string][] = [
      ['InitiatorName', options.initiatorName],
      options.discovery === true ? ['SessionType', 'Discovery'] : ['TargetName', options.targetName ?? ''],
    ];
    const first = await this.loginStep({ current: 0, next: 1 }, [...identity, ['AuthMethod', 'CHAP,None']]);
    if (first.status !== 0) return first.status;
    const { status, text } = await this.loginStep({ current: 0 }, [['CHAP_A', options.algorithms ?? '5']]);
    if (status !== 0) return status;
    const challenge = {
      algorithm: text.get('CHAP_A') ?? '',
      identifier: Number(text.get('CHAP_I')),
      challenge: Buffer.from(text.get('CHAP_C')?.slice(2) ?? '', 'hex'),
    };
    const response = `0x${chapResponse(challenge, options.secret ?? '').toString('hex')}`;
    const proven = await this.loginStep({ current: 0, next: 1 }, [
      ['CHAP_N', options.username ?? ''],
      ['CHAP_R', response],
    ]);
    if (proven.status !== 0) return proven.status;
    await options.beforeLast?.();
    const last = await this.loginStep({ current: 1, next: 3 }, options.operational ?? []);
    this.#digests = {
      header: last.text.get('HeaderDigest') === 'CRC32C',
      data: last.text.get('DataDigest') === 'CRC32C',
    };
    return last.status;
  }

  /** A SCSI command PDU; `flags` without the final bit. */
  commandPdu(
    cdb: readonly number[],
    options: {
      expected?: number;
      flags?: number;
      final?: boolean;
      data?: Buffer;
      taskTag?: number;
      cmdSn?: number;
    } = {},
  ): Pdu {
    const bhs = newBhs(REQUEST.scsiCommand);
    bhs[1] = (options.final === false ? 0 : 0x80) | (options.flags ?? 0) | 1;
    bhs[9] = 1; // LUN 1
    bhs.writeUInt32BE(options.taskTag ?? this.newTaskTag(), 16);
    bhs.writeUInt32BE(options.expected ?? 0, 20);
    bhs.writeUInt32BE(options.cmdSn ?? this.cmdSn, 24);
    if (options.cmdSn === undefined) this.cmdSn += 1;
    bhs.set(cdb, 32);
    return newPdu(bhs, options.data);
  }

  dataOutPdu(options: {
    taskTag: number;
    transferTag?: number;
    dataSn?: number;
    offset?: number;
    final?: boolean;
    data: Buffer;
  }): Pdu {
    const bhs = newBhs(REQUEST.dataOut);
    bhs[1] = options.final === false ? 0 : 0x80;
    bhs.writeUInt32BE(options.taskTag, 16);
    bhs.writeUInt32BE(options.transferTag ?? NO_TAG, 20);
    bhs.writeUInt32BE(options.dataSn ?? 0, 36);
    bhs.writeUInt32BE(options.offset ?? 0, 40);
    return newPdu(bhs, options.data);
  }

  /** Sends a command without data, or one that reads `read` bytes, and collects its answer. */
  async command(cdb: readonly number[], options: { read?: number; write?: Buffer } = {}): Promise<CommandResult> {
    const { read, write } = options;
    if (write !== undefined) this.send(this.commandPdu(cdb, { flags: 0x20, expected: write.length, data: write }));
    else this.send(this.commandPdu(cdb, read === undefined ? {} : { flags: 0x40, expected: read }));
    return await this.collect();
  }

  /** Data-In and response of the one command that is on its way. */
  async collect(): Promise<CommandResult> {
    const pieces: Buffer[] = [];
    for (;;) {
      const pdu = await this.next();
      if (pdu === undefined) throw new Error('the target closed the connection');
      const opcode = opcodeOf(pdu);
      const flags = pdu.bhs.readUInt8(1);
      const end = { status: pdu.bhs.readUInt8(3), residual: pdu.bhs.readUInt32BE(44), flags };
      if (opcode === RESPONSE.dataIn) {
        pieces.push(pdu.data);
        if ((flags & 1) !== 0) return { ...end, data: Buffer.concat(pieces), sense: undefined };
      } else if (opcode === RESPONSE.scsiResponse) {
        const sense =
          pdu.data.length > 0
            ? [pdu.data.readUInt8(4) & 0xf, pdu.data.readUInt8(14), pdu.data.readUInt8(15)]
            : undefined;
        return { ...end, data: Buffer.concat(pieces), sense };
      } else throw new Error(`unexpected PDU 0x${opcode.toString(16)}`);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  /** Digests count from the PDU after the last login response, which may be in the same chunk. */
  #switchDigests({ bhs, data }: Pdu): void {
    if ((bhs.readUInt8(0) & 0x3f) !== RESPONSE.login || (bhs.readUInt8(1) & 0x83) !== 0x83) return;
    const text = new Map(parseText(data));
    this.#decoder.digests = {
      header: text.get('HeaderDigest') === 'CRC32C',
      data: text.get('DataDigest') === 'CRC32C',
    };
  }
}
