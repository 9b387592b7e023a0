import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureGuest, reportsOf } from '../support/guest/guest.ts';
import { Martlet } from '../support/martlet.ts';
import { openstack, openstackQuietly } from '../support/openstack.ts';

const ROUNDS = 10;
/** An attachment or a detachment takes about as long: the kill falls before, within and after it. */
const MOST_DELAY_MS = 900;
const SETTLE_MS = 60_000;

/** kill -9 of everything while a volume comes and goes: afterwards it is either in the guest and `in-use`, or not and `available`. */
describe('martlet, killed while a volume is attached or detached', () => {
  let martlet: Martlet;
  let token: string;
  let server: string;
  let volume: string;

  beforeAll(async () => {
    martlet = await Martlet.start();
    const { kernelPath, initrdPath, diskPath } = await ensureGuest();
    const upload = async (name: string, format: string, path: string, ...more: string[]) => {
      const container = format === 'raw' ? 'bare' : format;
      const args = ['image', 'create', name, '--disk-format', format, '--container-format', container, '--file', path];
      return String((await openstack(martlet, [...args, ...more]))['id']);
    };
    const kernel = await upload('kernel', 'aki', kernelPath);
    const initrd = await upload('initrd', 'ari', initrdPath);
    const properties = ['--property', `kernel_id=${kernel}`, '--property', `ramdisk_id=${initrd}`];
    const image = await upload('tiny', 'raw', diskPath, ...properties);
    await openstackQuietly(martlet, ['server', 'create', '--image', image, '--flavor', 'm1.nano', '--wait', 'guest']);
    server = String((await openstack(martlet, ['server', 'show', 'guest']))['id']);
    volume = String((await openstack(martlet, ['volume', 'create', '--size', '1', 'disk']))['id']);
    token = String((await openstack(martlet, ['token', 'issue']))['id']);
  });

  afterAll(async () => {
    await openstackQuietly(martlet, ['server', 'delete', '--wait', 'guest']);
    await martlet.remove();
  });

  it(`settles each of ${ROUNDS} times, and the guest reads in the end what it wrote at first`, async () => {
    await reported(/^MARTLET-READY/);
    await attach();
    const written = (await reported(/^MARTLET-WROTE /)).split(' ').at(-1);
    for (let round = 0; round < ROUNDS; round += 1) {
      const inUse = (await state()) === 'in-use with 1';
      const delayMs = Math.floor((MOST_DELAY_MS * (round + 1)) / ROUNDS);
      const asked = (inUse ? detach() : attach()).catch(() => undefined);
      await delay(delayMs);
      await martlet.kill();
      await asked;
      await martlet.up();
      await settled(/^(in-use with 1|available with 0)$/);
    }
    if ((await state()) === 'in-use with 1') await detach();
    await settled(/^available with 0$/);
    await attach();
    await settled(/^in-use with 1$/);
    const read = await reported(/^MARTLET-READ /);
    expect(read.split(' ').at(-1)).toBe(written);
  });

  /** Waits until the guest's last report is of that kind. */
  async function reported(kind: RegExp): Promise<string> {
    const last = async () => (await reports()).at(-1) ?? '';
    await expect.poll(last, { timeout: 2 * SETTLE_MS, interval: 300 }).toMatch(kind);
    return last();
  }

  async function settled(wanted: RegExp): Promise<void> {
    await expect.poll(state, { timeout: SETTLE_MS, interval: 200 }).toMatch(wanted);
  }

  const attach = () => api('POST', attachments(), { volumeAttachment: { volumeId: volume } });
  const detach = () => api('DELETE', `${attachments()}/${volume}`);
  const attachments = () => martlet.url(8774, `/v2.1/servers/${server}/os-volume_attachments`);

  async function state(): Promise<string> {
    const shown = (await api('GET', martlet.url(8776, `/v3/volumes/${volume}`))) as { volume: { status: string } };
    const listed = (await api('GET', attachments())) as { volumeAttachments: unknown[] };
    return `${shown.volume.status} with ${listed.volumeAttachments.length}`;
  }

  async function reports(): Promise<string[]> {
    const url = martlet.url(8774, `/v2.1/servers/${server}/action`);
    const { output } = (await api('POST', url, { 'os-getConsoleOutput': {} })) as { output: string };
    return reportsOf(output);
  }

  async function api(method: string, url: string, body?: object): Promise<unknown> {
    const response = await fetch(url, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }
});
