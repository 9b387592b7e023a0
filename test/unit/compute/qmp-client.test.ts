import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QmpClient } from '../../../compute/qmp/client.ts';

const GREETING = { QMP: { version: {}, capabilities: [] } };

let folder: string;
let path: string;
let server: Server;
let qemu: Socket;
/** What QEMU answers to a command; nothing where undefined. */
let answer: (command: { execute: string; id: number }) => unknown;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qmp-'));
  path = join(folder, 'q');
  answer = ({ id }) => ({ return: {}, id });
  server = createServer((socket) => {
    qemu = socket;
    send(GREETING);
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      for (const line of text.trim().split('\n')) {
        const reply = answer(JSON.parse(line));
        if (reply !== undefined) send(reply);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
});

afterEach(async () => {
  qemu?.destroy();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

function send(message: unknown): void {
  qemu.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\r\n`);
}

describe('the QMP client', () => {
  it('matches answers to commands by id, whatever their order', async () => {
    const client = await QmpClient.connect(path);
    const seen: { execute: string; id: number }[] = [];
    answer = (command) => {
      seen.push(command);
      return undefined;
    };
    const [first, second] = [client.execute('first'), client.execute('second')];
    await expect.poll(() => seen.length, { interval: 1 }).toBe(2);
    for (const { execute, id } of [...seen].reverse()) send({ return: execute, id });
    expect(await Promise.all([first, second])).toEqual(['first', 'second']);
    client.close();
  });

  it('throws what QEMU refuses, with its class', async () => {
    const client = await QmpClient.connect(path);
    answer = ({ id }) => ({ error: { class: 'DeviceNotFound', desc: 'no disk' }, id });
    await expect(client.execute('device_del')).rejects.toMatchObject({
      qemuClass: 'DeviceNotFound',
      message: 'device_del: no disk',
    });
    client.close();
  });

  it('waits for the event that matches, and no other', async () => {
    const client = await QmpClient.connect(path);
    const gone = client.waitFor(({ event, data }) => event === 'DEVICE_DELETED' && data['device'] === 'disk', 5000);
    send({ event: 'DEVICE_DELETED', data: { path: '/machine/peripheral/disk/virtio-backend' } });
    send({ event: 'DEVICE_DELETED', data: { device: 'disk', path: '/machine/peripheral/disk' } });
    expect(await gone).toBe(true);
    expect(await client.waitFor(() => true, 1)).toBe(false);
    client.close();
  });

  it('gives up a command that is not answered in time', async () => {
    const client = await QmpClient.connect(path);
    answer = () => undefined;
    await expect(client.execute('blockdev-add', {}, 5)).rejects.toThrow('no answer within 5 ms');
    client.close();
  });

  it('fails what waits when QEMU goes away', async () => {
    const client = await QmpClient.connect(path);
    answer = () => undefined;
    const waiting = client.execute('cont');
    qemu.destroy();
    await expect(waiting).rejects.toThrow('QEMU closed the connection');
    await expect(client.execute('cont')).rejects.toThrow('not connected');
    await client.closed;
  });

  it('closes a connection that talks nonsense, or without end', async () => {
    for (const nonsense of ['{"return"', 'x'.repeat(5 << 20)]) {
      const client = await QmpClient.connect(path);
      send(nonsense);
      await client.closed;
    }
  });

  it('does not connect where nobody greets', async () => {
    await expect(QmpClient.connect(join(folder, 'nobody'))).rejects.toMatchObject({ name: 'QmpConnectionError' });
    server.removeAllListeners('connection');
    await expect(QmpClient.connect(path, 10)).rejects.toThrow('no greeting within 10 ms');
  });
});
