import { IncomingMessage, ServerResponse } from 'node:http';

/** A request that counts what came of its body. */
export class ObservedRequest extends IncomingMessage {
  bytesReceived = 0;

  /** Node's parser hands over each piece of the body here. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk instanceof Uint8Array) this.bytesReceived += chunk.length;
    return super.push(chunk, encoding);
  }
}

/** An answer that counts what it is sent, and remembers what became of it. */
export class ObservedResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  bytesSent = 0;
  transactionId: string | undefined;
  /** Whether this side broke the answer off while the client was still there. */
  isCutOff = false;
  /** Whether all of it was handed to the system. */
  isSent = false;

  override writeHead(status: number, reason?: unknown, headers?: unknown): this {
    // Before Node's own listener ends the connection. A write that failed also "finishes", over a connection that is gone.
    this.prependOnceListener('finish', () => {
      this.isSent = !this.req.socket.destroyed;
    });
    this.transactionId ??= transactionIdIn(headers ?? reason);
    return Reflect.apply(super.writeHead, this, headers === undefined ? [status, reason] : [status, reason, headers]);
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    this.count(chunk);
    return Reflect.apply(super.write, this, [chunk, ...rest]);
  }

  override end(...parameters: unknown[]): this {
    this.count(parameters[0]);
    return Reflect.apply(super.end, this, parameters);
  }

  override destroy(error?: Error): this {
    const { socket } = this.req;
    if (!socket.destroyed && !socket.readableEnded) this.isCutOff = true;
    return super.destroy(error);
  }

  private count(chunk: unknown): void {
    if (this.req.method === 'HEAD') return;
    if (typeof chunk === 'string') this.bytesSent += Buffer.byteLength(chunk);
    else if (chunk instanceof Uint8Array) this.bytesSent += chunk.length;
  }
}

const TRANSACTION_ID = 'x-trans-id';

/** @param headers as `writeHead` takes them: names and values in turn, or an object. */
function transactionIdIn(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const lines = Array.isArray(headers) ? headers : Object.entries(headers).flat();
  const at = lines.findIndex((line, index) => index % 2 === 0 && String(line).toLowerCase() === TRANSACTION_ID);
  return at < 0 ? undefined : String(lines[at + 1]);
}
