import { connect, type Socket } from 'node:net';
import { MOST_QMP_LINE_BYTES, MOST_QMP_PENDING, QMP_COMMAND_TIMEOUT_MS, QMP_CONNECT_TIMEOUT_MS } from '../limits.ts';

/** What QEMU answered to a command it did not carry out. `qemuClass` is `GenericError`, `DeviceNotFound`, … */
export class QmpCommandError extends Error {
  override readonly name = 'QmpCommandError';
  readonly qemuClass: string;

  constructor(command: string, qemuClass: string, description: string) {
    super(`${command}: ${description}`);
    this.qemuClass = qemuClass;
  }
}

/** The connection is gone, or was never there, or an answer did not come in time. */
export class QmpConnectionError extends Error {
  override readonly name = 'QmpConnectionError';
}

export interface QmpEvent {
  event: string;
  data: Readonly<Record<string, unknown>>;
}

interface Pending {
  command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/**
 * One connection to a QEMU's machine protocol: commands matched to answers by id, events to listeners, everything bounded.
 *
 * Spec: QEMU Machine Protocol Specification.
 */
export class QmpClient {
  private readonly socket: Socket;
  private readonly pending = new Map<number, Pending>();
  private readonly listeners = new Set<(event: QmpEvent) => void>();
  private nextId = 1;
  private rest = '';
  private ended = false;
  /** Settles when the connection is over, for whatever reason. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.ended = true;
        this.failAll(new QmpConnectionError('QEMU closed the connection'));
        resolve();
      });
    });
    socket.on('error', () => undefined); // 'close' follows and says it to who waits
  }

  /** Connects to the Unix socket at `path` and leaves the capabilities negotiation behind. @throws QmpConnectionError */
  static async connect(path: string, timeoutMs = QMP_CONNECT_TIMEOUT_MS): Promise<QmpClient> {
    const socket = connect(path);
    const client = new QmpClient(socket);
    try {
      await client.greeting(timeoutMs);
      await client.execute('qmp_capabilities', {}, timeoutMs);
      return client;
    } catch (error) {
      client.close();
      throw error instanceof QmpConnectionError ? error : new QmpConnectionError(`${path}: ${String(error)}`);
    }
  }

  /** @throws QmpCommandError when QEMU refuses, QmpConnectionError when it cannot answer. */
  execute(command: string, args: Record<string, unknown> = {}, timeoutMs = QMP_COMMAND_TIMEOUT_MS): Promise<unknown> {
    if (this.ended) return Promise.reject(new QmpConnectionError(`${command}: QEMU is not connected`));
    if (this.pending.size >= MOST_QMP_PENDING)
      return Promise.reject(new QmpConnectionError(`${command}: ${MOST_QMP_PENDING} commands wait already`));
    const id = this.nextId;
    this.nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new QmpConnectionError(`${command}: no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.pending.set(id, { command, resolve, reject, timer });
      this.socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** Calls `listener` for every event from now on, until the returned function is called. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Settles at the first event that `matches`. Ask for it before the command that causes it. */
  waitFor(matches: (event: QmpEvent) => boolean, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (seen: boolean): void => {
        clearTimeout(timer);
        stop();
        resolve(seen);
      };
      const timer = setTimeout(() => finish(false), timeoutMs);
      const stop = this.onEvent((event) => matches(event) && finish(true));
      void this.closed.then(() => finish(false));
    });
  }

  /** QEMU goes on without us. */
  close(): void {
    this.ended = true;
    this.socket.destroy();
  }

  private greeting(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(new QmpConnectionError(error.message));
      const timer = setTimeout(() => fail(new Error(`no greeting within ${timeoutMs} ms`)), timeoutMs);
      this.socket.once('error', fail);
      void this.closed.then(() => fail(new Error('closed before the greeting')));
      const greeted = (): void => {
        clearTimeout(timer);
        this.socket.off('error', fail);
        resolve();
      };
      this.socket.on('data', (text: string) => this.receive(text, greeted));
      void this.closed.then(() => clearTimeout(timer));
    });
  }

  private receive(text: string, greeted: () => void): void {
    this.rest += text;
    for (let end = this.rest.indexOf('\n'); end >= 0; end = this.rest.indexOf('\n')) {
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 1);
      if (line.trim() !== '') this.receiveLine(line, greeted);
    }
    if (this.rest.length > MOST_QMP_LINE_BYTES) this.close();
  }

  private receiveLine(line: string, greeted: () => void): void {
    const message = parseMessage(line);
    if (!message) this.close();
    else if ('QMP' in message) greeted();
    else if (typeof message['event'] === 'string') {
      const event = { event: message['event'], data: recordOf(message['data']) };
      for (const listener of [...this.listeners]) listener(event);
    } else this.settle(message);
  }

  private settle(message: Record<string, unknown>): void {
    const id = Number(message['id']);
    const waiting = this.pending.get(id);
    if (!waiting) return;
    this.pending.delete(id);
    clearTimeout(waiting.timer);
    if ('error' in message) {
      const { class: qemuClass, desc } = recordOf(message['error']);
      waiting.reject(new QmpCommandError(waiting.command, String(qemuClass), String(desc)));
    } else waiting.resolve(message['return']);
  }

  private failAll(error: Error): void {
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.pending.clear();
  }
}

function parseMessage(line: string): Record<string, unknown> | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === 'object' && message !== null ? (message as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
