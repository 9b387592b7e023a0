import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newBhs, newPdu, opcodeOf, REQUEST, RESPONSE } from '../../../volume/iscsi/wire/pdu.ts';
import { encodeText, parseText } from '../../../volume/iscsi/wire/text.ts';
import { RunningTarget } from '../../support/iscsi/running-target.ts';

let target: RunningTarget;

beforeEach(async () => {
  target = new RunningTarget();
  await target.server.start();
  await target.server.export(target.definition('one'));
});
afterEach(() => target.stop());

const right = {
  initiatorName: 'iqn.2026-11.test:host',
  targetName: 'iqn.2026-11.test:one',
  username: 'alice',
  secret: 'very-secret-word',
};

describe('who may log in', () => {
  test.each([['5'], ['7'], ['7,5']])('the right secret, with CHAP algorithms %s', async (algorithms) => {
    const initiator = await target.connect();
    expect(await initiator.login({ ...right, algorithms })).toBe(0);
    expect((await initiator.command([0x12, 0, 0, 0, 36, 0], { read: 36 })).data.toString('latin1', 8, 15)).toBe(
      'MARTLET',
    );
  });

  test.each([
    ['a wrong secret', { secret: 'wrong' }, 0x0201],
    ['a wrong user', { username: 'bob' }, 0x0201],
    ['an unknown CHAP algorithm', { algorithms: '6,8' }, 0x0201],
    ['another initiator', { initiatorName: 'iqn.2026-11.test:other' }, 0x0202],
    ['an unknown target', { targetName: 'iqn.2026-11.test:none' }, 0x0203],
    ['no initiator name', { initiatorName: '' }, 0x0207],
  ])('%s is refused, and the connection closed', async (_, change, status) => {
    const initiator = await target.connect();
    expect(await initiator.login({ ...right, ...change })).toBe(status);
    await initiator.untilClosed();
  });

  test('the names of target and initiator are compared without regard to case', async () => {
    const initiator = await target.connect();
    const upper = { targetName: 'IQN.2026-11.TEST:ONE', initiatorName: 'IQN.2026-11.test:HOST' };
    expect(await initiator.login({ ...right, ...upper })).toBe(0);
  });

  test('no secret, and no challenge or response, is ever logged', async () => {
    await (await target.connect()).login({ ...right, secret: 'guessed-secret' });
    await (await target.connect()).login(right);
    const log = target.logged.join('\n');
    expect(log).toContain('iSCSI login refused');
    expect(log).not.toMatch(/very-secret|guessed-secret|CHAP_R|0x[0-9a-f]{16}/);
  });
});

describe('what a login may not leave out or mix up', () => {
  const identity = [
    ['InitiatorName', right.initiatorName],
    ['TargetName', right.targetName],
  ] as const;

  test('AuthMethod without CHAP is refused', async () => {
    const initiator = await target.connect();
    const { status } = await initiator.loginStep({ current: 0, next: 1 }, [...identity, ['AuthMethod', 'None']]);
    expect(status).toBe(0x0201);
  });

  test('a login that begins in the operational stage is refused: it has proven nothing', async () => {
    const initiator = await target.connect();
    expect((await initiator.loginStep({ current: 1, next: 3 }, identity)).status).toBe(0x0201);
  });

  test('a transit to full feature before CHAP is over does not happen', async () => {
    const initiator = await target.connect();
    const first = await initiator.loginStep({ current: 0, next: 3 }, [...identity, ['AuthMethod', 'CHAP']]);
    expect(first).toMatchObject({ status: 0, transit: false });
    expect(first.text.get('TargetPortalGroupTag')).toBe('1');
  });

  test('a response without a challenge, and mutual CHAP, are refused', async () => {
    const early = await target.connect();
    const proof = [
      ['CHAP_N', 'alice'],
      ['CHAP_R', '0x00'],
    ] as const;
    expect((await early.loginStep({ current: 0 }, [...identity, ...proof])).status).toBe(0x0201);
    const mutual = await target.connect();
    await mutual.loginStep({ current: 0 }, [...identity, ['AuthMethod', 'CHAP']]);
    await mutual.loginStep({ current: 0 }, [['CHAP_A', '5']]);
    const both = [...proof, ['CHAP_I', '1'], ['CHAP_C', '0x00']] as const;
    expect((await mutual.loginStep({ current: 0 }, both)).status).toBe(0x0201);
  });

  test('no target name, an unknown session type, a newer version and a second connection have their own status', async () => {
    const status = async (pairs: (readonly [string, string])[], change?: (bhs: Buffer) => void) => {
      const initiator = await target.connect();
      const pdu = initiator.loginPdu({ current: 0, next: 1 }, encodeText(pairs));
      change?.(pdu.bhs);
      initiator.send(pdu);
      return (await initiator.next())?.bhs.readUInt16BE(36);
    };
    expect(await status([['InitiatorName', 'iqn.2026-11.test:host']])).toBe(0x0207);
    expect(await status([...identity, ['SessionType', 'Strange']])).toBe(0x0209);
    expect(await status([...identity], (bhs) => bhs.writeUInt8(1, 3))).toBe(0x0205);
    expect(await status([...identity], (bhs) => bhs.writeUInt16BE(7, 14))).toBe(0x020a);
    expect(await status([...identity], (bhs) => bhs.writeUInt8(0x80 | (1 << 2), 1))).toBe(0x0200);
  });

  test('anything but a login request is refused before login is over', async () => {
    const initiator = await target.connect();
    initiator.send(newPdu(newBhs(REQUEST.nopOut)));
    const answer = await initiator.next();
    expect([answer && opcodeOf(answer), answer?.bhs.readUInt16BE(36)]).toEqual([RESPONSE.login, 0x020b]);
    await initiator.untilClosed();
  });

  test('text that is no list of pairs is refused', async () => {
    const initiator = await target.connect();
    initiator.send(initiator.loginPdu({ current: 0, next: 1 }, Buffer.from('no pairs\0')));
    expect((await initiator.next())?.bhs.readUInt16BE(36)).toBe(0x0200);
  });

  test('text may come in parts; too many parts end the login', async () => {
    const initiator = await target.connect();
    const text = encodeText([...identity, ['AuthMethod', 'CHAP']]);
    const part = initiator.loginPdu({ current: 0 }, text.subarray(0, 20));
    part.bhs[1] = 0x40;
    initiator.send(part);
    expect((await initiator.next())?.bhs.readUInt16BE(36)).toBe(0);
    initiator.send(initiator.loginPdu({ current: 0 }, text.subarray(20)));
    const answer = await initiator.next();
    expect(new Map(parseText(answer?.data ?? Buffer.alloc(0))).get('AuthMethod')).toBe('CHAP');
    for (let parts = 0; parts < 12 && !initiator.closed; parts += 1) {
      const more = initiator.loginPdu({ current: 0 }, Buffer.alloc(8000, 'x'));
      more.bhs[1] = 0x40;
      initiator.send(more);
    }
    await initiator.untilClosed();
  });

  test('a login that takes too long is cut off', async () => {
    const hasty = new RunningTarget({ loginTimeoutMs: 20 });
    await hasty.server.start();
    await (await hasty.connect()).untilClosed();
    await hasty.stop();
  });
});

describe('discovery', () => {
  const sendTargets = async (secret: string, value = 'All') => {
    const initiator = await target.connect();
    const status = await initiator.login({ ...right, secret, discovery: true });
    if (status !== 0) return status;
    const bhs = newBhs(REQUEST.text);
    bhs[1] = 0x80;
    bhs.writeUInt32BE(1, 16);
    bhs.writeUInt32BE(0xffff_ffff, 20);
    bhs.writeUInt32BE(initiator.cmdSn, 24);
    initiator.send(newPdu(bhs, encodeText([['SendTargets', value]])));
    return parseText((await initiator.next())?.data ?? Buffer.alloc(0));
  };

  test('tells of the targets whose secret was proven, and of no others', async () => {
    await target.server.export(target.definition('foreign', { initiatorName: 'iqn.2026-11.test:other' }));
    const chap = { username: 'alice', secret: 'another-secret-word' };
    await target.server.export(target.definition('second-attachment', { chap }));
    const portal = `127.0.0.1:${target.server.portal.port},1`;
    expect(await sendTargets('very-secret-word')).toEqual([
      ['TargetName', 'iqn.2026-11.test:one'],
      ['TargetAddress', portal],
    ]);
    expect(await sendTargets('another-secret-word')).toContainEqual([
      'TargetName',
      'iqn.2026-11.test:second-attachment',
    ]);
  });

  test('a target may be asked for by name; an unknown one gives nothing', async () => {
    expect(await sendTargets('very-secret-word', 'iqn.2026-11.test:one')).toHaveLength(2);
    expect(await sendTargets('very-secret-word', 'iqn.2026-11.test:foreign')).toEqual([]);
  });

  test('with a wrong secret, or for an initiator that nothing is exported to, authentication fails', async () => {
    expect(await sendTargets('wrong')).toBe(0x0201);
    const stranger = await target.connect();
    expect(await stranger.login({ ...right, initiatorName: 'iqn.2026-11.test:stranger', discovery: true })).toBe(
      0x0201,
    );
  });

  test('a SCSI command in a discovery session is rejected', async () => {
    const initiator = await target.session('one', { discovery: true });
    initiator.send(initiator.commandPdu([0x00]));
    const answer = await initiator.next();
    expect([answer && opcodeOf(answer), answer?.bhs[2]]).toEqual([RESPONSE.reject, 0x04]);
  });
});
