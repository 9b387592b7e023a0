import { connect, type Socket } from 'node:net';

/** A connection on which a test says byte for byte what a client says. */
export class RawHttp {
  received = '';
  closed = false;
  private readonly socket: Socket;
  private wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (data) => {
      this.received += data.toString('latin1');
      this.wake();
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
    this.socket.on('error', () => {});
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves when what was received matches, or throws when the connection ends without. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.received)) {
      if (this.closed) throw new Error(`closed after: ${this.received}`);
      await this.more();
    }
    return this.received;
  }

  /** Resolves when the condition holds (true) or the connection has ended without (false). */
  async untilThere(isThere: () => boolean): Promise<boolean> {
    while (!isThere()) {
      if (this.closed) return false;
      await this.more();
    }
    return true;
  }

  async untilClosed(): Promise<string> {
    while (!this.closed) await this.more();
    return this.received;
  }

  /** Takes no more bytes. */
  pause(): void {
    this.socket.pause();
  }

  /** Vanishes, as a client that crashed. */
  destroy(): void {
    this.socket.destroy();
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

/** Waits until a condition holds that something else brings about. */
export async function eventually(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never happened: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
