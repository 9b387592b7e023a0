import { createServer } from 'node:net';

/** Ports of a Martlet at offset 0. Spec: docs/architecture.md, "Ports". */
const BASE_PORTS = [5000, 8080, 9292, 8776, 8774, 3260, 6200, 6201, 6202];
/** Offsets that keep every port below the kernel's ephemeral range (32768). */
const LOWEST_OFFSET = 10_000;
const HIGHEST_OFFSET = 23_000;

/** A port offset at which all of Martlet's ports are free on loopback. */
export async function freePortOffset(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const offset = LOWEST_OFFSET + Math.floor(Math.random() * (HIGHEST_OFFSET - LOWEST_OFFSET));
    const free = await Promise.all(BASE_PORTS.map((port) => isFree(port + offset)));
    if (free.every(Boolean)) return offset;
  }
  throw new Error('no port offset is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
