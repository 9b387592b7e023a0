import type { Socket } from 'node:net';
import { LINGER_MS, MAX_LOGIN_SEGMENT_BYTES, MAX_UNSENT_BYTES } from '../limits.ts';
import { PduDecoder, PduError } from '../wire/decode-pdu.ts';
import { encodePdu } from '../wire/encode-pdu.ts';
import type { Digests, Pdu } from '../wire/pdu.ts';

/** Who handles the PDUs of a connection: first the login, then the session. */
export interface PduHandler {
  receive(pdu: Pdu): void;
  /** The byte stream is damaged; the connection closes after this. */
  streamFailed(error: PduError): void;
  closed(): void;
}

/** One TCP connection: PDUs in, PDUs out, both bounded. */
export class Connection {
  readonly peer: string;
  readonly localAddress: string;
  readonly localPort: number;
  handler: PduHandler | undefined;
  onLoggedIn: (() => void) | undefined;
  /** When bytes last arrived, on the clock of `performance.now()`. */
  heardAtMs = performance.now();

  readonly #socket: Socket;
  readonly #decoder = new PduDecoder(MAX_LOGIN_SEGMENT_BYTES);
  #digests: Digests = { header: false, data: false };
  #corked = false;
  #ending = false;
  #decoding = false;
  #drained: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    this.peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    this.localAddress = socket.localAddress ?? '127.0.0.1';
    this.localPort = socket.localPort ?? 0;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#onDrain());
    socket.on('error', () => {}); // 'close' follows
    socket.on('end', () => this.destroy()); // half-open connections are of no use
    socket.on('close', () => {
      this.#ending = true;
      this.#onDrain();
      this.handler?.closed();
    });
  }

  get open(): boolean {
    return !this.#ending;
  }

  /** What counts after login; from the next PDU on, in both directions. */
  configure(digests: Digests, maxSegmentBytes: number): void {
    this.#digests = digests;
    this.#decoder.digests = digests;
    this.#decoder.maxSegmentBytes = maxSegmentBytes;
  }

  /** Queues a PDU; all that is queued in one turn of the event loop goes out in one system call. */
  send(pdu: Pdu): void {
    if (this.#ending) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    for (const piece of encodePdu(pdu, this.#digests)) this.#socket.write(piece);
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.#socket.pause();
  }

  /** Resolves when the peer has read enough for more data to be sent, or is gone. */
  async writable(): Promise<void> {
    if (this.#ending || this.#socket.writableLength <= MAX_UNSENT_BYTES / 4) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** Sends what is queued, then closes; a peer that does not read has LINGER_MS. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#socket.end();
    this.#socket.setTimeout(LINGER_MS, () => this.#socket.destroy());
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.heardAtMs = performance.now();
    if (this.#ending || this.#decoding) return;
    this.#decoding = true;
    this.#decoder.push(chunk);
    try {
      for (let pdu = this.#decoder.next(); pdu !== undefined && !this.#ending; pdu = this.#decoder.next())
        this.handler?.receive(pdu);
    } catch (error) {
      if (!(error instanceof PduError)) throw error;
      this.handler?.streamFailed(error);
      this.end();
    } finally {
      this.#decoding = false;
    }
  }

  #onDrain(): void {
    if (!this.#ending) this.#socket.resume();
    const waiting = this.#drained;
    this.#drained = [];
    for (const resolve of waiting) resolve();
  }
}
