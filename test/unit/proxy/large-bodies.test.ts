import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { piecePool } from '../../../common/memory/piece-pool.ts';
import { bodyOfBytes } from '../../support/object-server/large-body.ts';
import { RawHttp } from '../../support/swift-fakes/raw-http.ts';
import { SwiftInProcess } from '../../support/swift-in-process.ts';

const MIB = 1 << 20;

describe('large bodies through the proxy to files of their own', () => {
  let swift: SwiftInProcess;
  let allPieces: number;
  const body = bodyOfBytes(5 * MIB + 12_345);

  beforeAll(async () => {
    swift = await SwiftInProcess.start({ clientTimeoutSeconds: 1 });
    allPieces = piecePool().freePieces;
    await request('PUT', '/c');
  });

  afterAll(() => swift.stop());

  const request = (method: string, path: string, init: RequestInit = {}) =>
    fetch(swift.storageUrl + path, { method, ...init, headers: { 'x-auth-token': 'member', ...init.headers } });
  const put = (path: string, init: RequestInit = {}) => request('PUT', path, { body, ...init });
  const bytesOf = async (path: string, headers: Record<string, string> = {}) =>
    Buffer.from(await (await request('GET', path, { headers })).arrayBuffer());

  /** Paths below the devices' `large/`. */
  async function filesOf(isWanted: (path: string) => boolean): Promise<string[]> {
    const found = await Promise.all(
      (await readdir(swift.folder)).map(async (device) => {
        const root = join(swift.folder, device, 'large');
        const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
        return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      }),
    );
    return found.flat().filter(isWanted);
  }
  const temporaries = () => filesOf((path) => path.includes('/large/tmp/'));

  async function damage(path: string, offset: number): Promise<void> {
    const file = await open(path, 'r+');
    await file.write(Buffer.from([(body[offset] ?? 0) ^ 1]), 0, 1, offset);
    await file.close();
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise(setImmediate);
  }

  /** A client that says the head of a PUT and a part of its body. */
  async function halfAnUpload(path: string, head: string, sentBytes: number): Promise<RawHttp> {
    const { port } = new URL(swift.url);
    const raw = new RawHttp(Number(port));
    const line = `PUT /v1/AUTH_p1${path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n${head}\r\n\r\n`;
    raw.send(line + body.toString('latin1', 0, sentBytes));
    return raw;
  }

  it('come back whole and in parts, again and again', async () => {
    const stored = await put('/c/o');
    const etag = createHash('md5').update(body).digest('hex');
    expect([stored.status, stored.headers.get('etag')]).toEqual([201, etag]);
    for (let round = 0; round < 7; round += 1) expect((await bytesOf('/c/o')).equals(body)).toBe(true);
    const middle = await bytesOf('/c/o', { range: `bytes=${3 * MIB - 5}-${4 * MIB}` });
    expect(middle.equals(body.subarray(3 * MIB - 5, 4 * MIB + 1))).toBe(true);
    expect((await filesOf(() => true)).length).toBe(3);
    expect(piecePool().freePieces).toBe(allPieces);
  });

  it('of unknown length come back too, short ones from beside their metadata', async () => {
    for (const sizeBytes of [1, 65_536, 65_537, 2 * MIB, 3 * MIB + 1]) {
      const part = body.subarray(0, sizeBytes);
      const stream = new Blob([part]).stream();
      const sent = { body: stream, duplex: 'half' } as RequestInit;
      expect((await put('/c/chunked', sent)).status).toBe(201);
      expect((await bytesOf('/c/chunked')).equals(part)).toBe(true);
    }
  });

  it('with a wrong ETag are refused and leave nothing', async () => {
    const before = new Set(await filesOf(() => true));
    expect((await put('/c/wrong', { headers: { etag: '0'.repeat(32) } })).status).toBe(422);
    expect((await request('GET', '/c/wrong')).status).toBe(404);
    expect(await filesOf((path) => !before.has(path))).toEqual([]);
  });

  it('of a client that goes away in the middle leave nothing', async () => {
    for (const head of [`Content-Length: ${body.length}`, 'Transfer-Encoding: chunked']) {
      const isChunked = head.startsWith('Transfer');
      const raw = await halfAnUpload(
        '/c/gone',
        isChunked ? `${head}\r\n\r\n${body.length.toString(16)}` : head,
        3 * MIB,
      );
      await until(async () => (await temporaries()).length === 3);
      raw.destroy();
      await until(async () => (await temporaries()).length === 0);
      expect((await request('GET', '/c/gone')).status).toBe(404);
    }
    await until(async () => piecePool().freePieces === allPieces);
  });

  it('of a client that keeps still are answered 408 and leave nothing', async () => {
    const raw = await halfAnUpload('/c/still', `Content-Length: ${body.length}`, 2 * MIB + 7);
    await raw.until(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    raw.destroy();
    await until(async () => (await temporaries()).length === 0);
    expect((await request('GET', '/c/still')).status).toBe(404);
    await until(async () => piecePool().freePieces === allPieces);
  });

  it('to a client that goes away, or takes nothing more, hold no memory for long', async () => {
    await put('/c/download');
    const { port } = new URL(swift.url);
    for (const isGone of [true, false]) {
      const raw = new RawHttp(Number(port));
      // Answers enough to fill every buffer on the way.
      raw.send('GET /v1/AUTH_p1/c/download HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n\r\n'.repeat(8));
      await raw.until(/HTTP\/1\.1 200 OK/);
      if (isGone) raw.destroy();
      else raw.pause();
      await until(async () => piecePool().freePieces < allPieces || isGone);
      await until(async () => piecePool().freePieces === allPieces);
      raw.destroy();
    }
  });

  it('damaged on two devices at different places come whole from all three, mid-flight', async () => {
    const before = new Set(await filesOf(() => true));
    await put('/c/damaged');
    const [first = '', second = ''] = await filesOf((path) => !before.has(path));
    await damage(first, MIB + 5);
    await damage(second, 3 * MIB + 70_000);
    for (let round = 0; round < 4; round += 1) expect((await bytesOf('/c/damaged')).equals(body)).toBe(true);
    expect(piecePool().freePieces).toBe(allPieces);
  });
});
