import { createServer } from 'node:net';
import { StartError, systemErrorCode } from '../common/errors.ts';
import { EX_UNAVAILABLE } from '../common/exit-codes.ts';

/** OpenStack's own ports; `--port-offset` is added to each. */
export const BASE_PORTS = {
  auth: 5000,
  proxy: 8080,
  image: 9292,
  volume: 8776,
  compute: 8774,
  iscsi: 3260,
  objects: 6200,
  containers: 6201,
  accounts: 6202,
} as const;

export type PortName = keyof typeof BASE_PORTS;

/**
 * Refuses a start whose ports are taken before it has made or opened anything.
 *
 * @throws StartError naming the port and what it was for.
 */
export async function assertPortsFree(host: string, ports: readonly { name: PortName; port: number }[]): Promise<void> {
  for (const { name, port } of ports) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once('error', (error) => reject(portError(error, host, port, name)));
      server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
    });
  }
}

/** What went wrong with a port, as one line for who started the program. */
export function portError(error: unknown, host: string, port: number, name: string): StartError {
  const reason = systemErrorCode(error) === 'EADDRINUSE' ? 'it is taken by another program' : message(error);
  return new StartError(
    `cannot listen on ${host}:${port} (${name}): ${reason}; try --port-offset`,
    EX_UNAVAILABLE,
    error,
  );
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
