import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Martlet } from '../support/martlet.ts';
import { signIn } from '../support/sign-in.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/martlet');
const OBJECTS = 30;

describe('martlet fsck', () => {
  let folder: string;
  let martlet: Martlet;

  const fsck = (...args: string[]) =>
    execa(PROGRAM, ['fsck', '--data', martlet.data, ...args], { reject: false, timeout: 60_000 });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-fsck-'));
    martlet = await Martlet.start({ data: join(folder, 'cloud') });
    const { url, token } = await signIn(martlet);
    const put = async (path: string, body: Buffer) => {
      const response = await fetch(`${url}${path}`, { method: 'PUT', headers: { 'X-Auth-Token': token }, body });
      expect(response.status).toBe(201);
    };
    await put('/c', Buffer.alloc(0));
    for (let index = 0; index < OBJECTS; index += 1) await put(`/c/small-${index}`, Buffer.alloc(5000, index));
    await put('/c/large', Buffer.alloc(3 << 20, 7));
  });

  afterAll(async () => {
    await martlet.kill();
    await rm(folder, { recursive: true });
  });

  it('refuses while Martlet runs', async () => {
    const { exitCode, stderr } = await fsck();
    expect(stderr).toMatch(/martlet: .*(running|in use|another)/i);
    expect(exitCode).not.toBe(0);
  });

  it('finds a cloud that was killed sound, and changes nothing', async () => {
    await martlet.kill();
    const { stdout, exitCode } = await fsck();
    expect(stdout.match(/^ {2}sound$/gm)).toHaveLength(4);
    expect(exitCode).toBe(0);
    expect((await fsck()).stdout).toBe(stdout);
  });

  it('names the device that is not there', async () => {
    const { exitCode, stderr } = await fsck('d9');
    expect(stderr).toContain('this node has no device d9');
    expect(exitCode).toBe(65);
  });

  it('finds bytes that are not what was written, sets the version aside when told to, and is content then', async () => {
    const [device] = await damageOneNeedle(join(martlet.data, 'devices'));
    const found = await fsck(device);
    expect(found.stdout).toMatch(/ {2}found damaged-/);
    expect(found.exitCode).toBe(65);
    const repaired = await fsck(device, '--repair');
    expect(repaired.stdout).toMatch(/ {2}repaired damaged-version/);
  });
});

/** Turns one byte over in the middle of the first slab that has something. @returns the device. */
async function damageOneNeedle(devices: string): Promise<[device: string]> {
  for (const device of (await readdir(devices)).sort()) {
    const slabs = join(devices, device, 'slabs');
    for (const name of (await readdir(slabs)).sort()) {
      const file = await open(join(slabs, name), 'r+');
      try {
        const bytes = await file.readFile();
        const body = bytes.indexOf(Buffer.alloc(64, 9)); // in the body of small-9
        if (body < 0) continue;
        await file.write(Buffer.of(0xaa), 0, 1, body + 10);
        await file.sync();
        return [device];
      } finally {
        await file.close();
      }
    }
  }
  throw new Error('no device has small-9');
}
