import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodePdu } from '../../../volume/iscsi/wire/encode-pdu.ts';
import { newPdu } from '../../../volume/iscsi/wire/pdu.ts';
import { RunningTarget } from '../../support/iscsi/running-target.ts';

let target: RunningTarget;

beforeAll(async () => {
  target = new RunningTarget();
  await target.server.start();
  await target.server.export(target.definition('one', { readOnly: true }));
});
afterAll(() => target.stop());

const bhs = fc
  .tuple(
    fc.constantFrom(0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x10, 0x1c, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x46),
    fc.uint8Array({ minLength: 47, maxLength: 47 }),
    fc.boolean(),
  )
  .map(([opcode, rest, rightLun]) => {
    const header = Buffer.from([opcode, ...rest]);
    if (rightLun) header.fill(0, 8, 16).writeUInt8(1, 9);
    if (rightLun) header.writeUInt32BE((header.readUInt32BE(24) % 40) + 1, 24); // often inside the window
    return header;
  });
const anyPdu = fc
  .tuple(bhs, fc.uint8Array({ maxLength: 64 }))
  .map(([header, data]) => newPdu(header, Buffer.from(data)));

test('no sequence of PDUs after login harms the target or makes it log a bug', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyPdu, { minLength: 1, maxLength: 30 }), async (pdus) => {
      const initiator = await target.session('one');
      for (const pdu of pdus) initiator.send(pdu);
      initiator.socket.end();
      await initiator.untilClosed();
    }),
    { numRuns: 60 },
  );
  const honest = await target.session('one');
  expect((await honest.command([0x00])).status).toBe(0);
  expect(target.logged.filter((line) => line.includes('bug'))).toEqual([]);
});

test('no bytes before login harm the target', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyPdu, { maxLength: 3 }), fc.uint8Array({ maxLength: 200 }), async (pdus, noise) => {
      const initiator = await target.connect();
      for (const pdu of pdus) {
        if (pdu.bhs[0] !== undefined) pdu.bhs[0] = 0x43;
        initiator.socket.write(Buffer.concat(encodePdu(pdu, { header: false, data: false })));
      }
      initiator.socket.end(Buffer.from(noise));
      await initiator.untilClosed();
    }),
    { numRuns: 60 },
  );
  const honest = await target.session('one');
  expect((await honest.command([0x00])).status).toBe(0);
});
