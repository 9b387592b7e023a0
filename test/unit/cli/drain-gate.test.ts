import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrainGate } from '../../../cli/workers/drain-gate.ts';
import { eventually } from '../../support/swift-fakes/raw-http.ts';

describe('the drain gate', () => {
  let gate: DrainGate;
  let server: Server;
  let responses: ServerResponse[];
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  beforeEach(async () => {
    gate = new DrainGate();
    responses = [];
    server = createServer((_request, response) => responses.push(response));
    gate.guard(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('waits for the running request and refuses new ones', async () => {
    const running = fetch(url());
    await eventually(() => responses.length === 1);
    let rested = false;
    const drained = gate.drain(10_000).then(() => {
      rested = true;
    });
    expect((await fetch(url())).status).toBe(503);
    expect(rested).toBe(false);
    responses[0]?.end('done');
    expect(await (await running).text()).toBe('done');
    await drained;
  });

  it('does not wait for answers whose client is gone, those behind another on the same connection included', async () => {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
    await eventually(() => responses.length === 3);
    client.destroy();
    await gate.drain(600_000); // far longer than this test may take
  });

  it('waits no longer than it may', async () => {
    const running = fetch(url()).catch(() => 'cut off');
    await eventually(() => responses.length === 1);
    await gate.drain(30);
    server.closeAllConnections();
    expect(await running).toBe('cut off');
  });
});
