import type { IncomingMessage, Server, ServerResponse } from 'node:http';

const POLL_MS = 20;
const EVENTS = ['request', 'checkContinue'] as const;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Lets a server that must not be closed come to rest. Threads share one listening socket by its file descriptor; whoever closed it
 * would free the number for the next file that is opened, and the other thread's close would hit that file. So nobody closes:
 * new requests are answered 503 with `Connection: close`, and the process ends when the running ones are done.
 */
export class DrainGate {
  private draining = false;
  private running = 0;

  /** Stands before the server's handlers; call it when all of them are registered. */
  guard(server: Server): void {
    for (const event of EVENTS) {
      const handlers = server.listeners(event) as Handler[];
      if (handlers.length === 0) continue;
      server.removeAllListeners(event);
      server.on(event, (request: IncomingMessage, response: ServerResponse) => {
        if (this.draining) refuse(response);
        else this.pass(handlers, server, request, response);
      });
    }
  }

  /** Resolves when no request runs, or after the limit. */
  async drain(limitMs: number): Promise<void> {
    this.draining = true;
    const deadline = Date.now() + limitMs;
    while (this.running > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }

  private pass(handlers: readonly Handler[], server: Server, request: IncomingMessage, response: ServerResponse): void {
    this.running += 1;
    if (response.socket) response.on('close', this.leave);
    else this.leaveOnce(request, response);
    for (const handler of handlers) handler.call(server, request, response);
  }

  /** One function for all: a response closes once. */
  private readonly leave = (): void => {
    this.running -= 1;
  };

  /** An answer that waits for those before it on its connection is not told when that ends. */
  private leaveOnce(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const leave = () => {
      response.off('close', leave);
      socket.off('close', leave);
      this.running -= 1;
    };
    response.on('close', leave);
    socket.setMaxListeners(0).on('close', leave);
  }
}

function refuse(response: ServerResponse): void {
  response.writeHead(503, { connection: 'close', 'retry-after': '5', 'content-type': 'text/plain' });
  response.end('shutting down\n');
}
