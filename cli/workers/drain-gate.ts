import type { FastifyInstance } from 'fastify';

const POLL_MS = 20;

/**
 * Lets a server that must not be closed come to rest. Threads share one listening socket by its file descriptor; whoever closed it
 * would free the number for the next file that is opened, and the other thread's close would hit that file. So nobody closes:
 * new requests are answered 503 with `Connection: close`, and the process ends when the running ones are done.
 */
export class DrainGate {
  private draining = false;
  private running = 0;

  guard(app: FastifyInstance): void {
    app.server.on('request', (_request, response) => {
      this.running += 1;
      response.once('close', () => {
        this.running -= 1;
      });
    });
    app.addHook('onRequest', async (_request, reply) => {
      if (!this.draining) return;
      await reply
        .status(503)
        .header('connection', 'close')
        .header('retry-after', '5')
        .type('text/plain')
        .send('shutting down\n');
    });
  }

  /** Resolves when no request runs, or after the limit. */
  async drain(limitMs: number): Promise<void> {
    this.draining = true;
    const deadline = Date.now() + limitMs;
    while (this.running > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
