import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePortOffset } from '../support/free-ports.ts';
import { uploadGuest } from '../support/guest/upload-guest.ts';
import { Martlet } from '../support/martlet.ts';
import { client, openstack, openstackQuietly, openstackRefused, type Row } from '../support/openstack.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/martlet');
const BOOT_MS = 180_000;

/** Judge 5: what one tenant, one guest or one stranger on the network cannot do. */
describe('two users of different projects', () => {
  let martlet: Martlet;
  let folder: string;
  let stranger: Record<string, string>;
  let token: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-isolation-'));
    martlet = await Martlet.start({ environment: { MARTLET_COMPUTE__HYPERVISOR: 'fake' } });
    await openstackQuietly(martlet, ['project', 'create', 'others'], 'admin');
    await openstackQuietly(martlet, ['user', 'create', 'stranger', '--password', 'str4nger'], 'admin');
    await openstackQuietly(martlet, ['role', 'add', '--user', 'stranger', '--project', 'others', 'member'], 'admin');
    stranger = {
      ...(await martlet.environment()),
      OS_USERNAME: 'stranger',
      OS_PASSWORD: 'str4nger',
      OS_PROJECT_NAME: 'others',
      PATH: '/usr/bin:/bin',
    };
    token = String(JSON.parse((await asStranger('token', 'issue', '-f', 'json')).stdout).id);
  });

  afterAll(async () => {
    await martlet.remove();
    await rm(folder, { recursive: true });
  });

  const asStranger = (...args: string[]) => execa('/usr/bin/openstack', args, { env: stranger, reject: false });

  async function statusOf(method: string, url: string, body?: object): Promise<number> {
    const response = await fetch(url, {
      method,
      headers: { 'x-auth-token': token, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    await response.arrayBuffer();
    return response.status;
  }

  it('cannot see, list, change or delete each other’s objects', async () => {
    await openstackQuietly(martlet, ['container', 'create', 'mine']);
    await writeFile(join(folder, 'diary'), 'private');
    await openstackQuietly(martlet, ['object', 'create', 'mine', join(folder, 'diary'), '--name', 'diary']);
    const { project_id: projectId } = await openstack(martlet, ['token', 'issue']);
    const account = martlet.url(8080, `/v1/AUTH_${projectId}`);
    for (const [method, path] of [
      ['GET', ''],
      ['HEAD', ''],
      ['POST', ''],
      ['GET', '/mine'],
      ['PUT', '/theirs'],
      ['DELETE', '/mine'],
      ['POST', '/mine'],
      ['GET', '/mine/diary'],
      ['HEAD', '/mine/diary'],
      ['PUT', '/mine/diary'],
      ['POST', '/mine/diary'],
      ['DELETE', '/mine/diary'],
      ['GET', '/mine/no-such-object'],
      ['GET', '/no-such-container/x'],
    ] as const) {
      expect([method, path, await statusOf(method, account + path)]).toEqual([method, path, 403]);
      const anonymous = await fetch(account + path, { method });
      expect([method, path, anonymous.status]).toEqual([method, path, 401]);
    }
    expect((await client(martlet, 'swift', ['download', 'mine', 'diary', '-o', '-'])).stdout).toBe('private');
    const listed = await asStranger('container', 'list', '-f', 'json');
    expect(JSON.parse(listed.stdout)).toEqual([]);
  });

  it('cannot see, list, change or delete each other’s images, volumes and servers', async () => {
    const raw = join(folder, 'disk.raw');
    await writeFile(raw, Buffer.alloc(1 << 20, 'x'));
    const image = await openstack(martlet, [
      'image',
      'create',
      'secret-image',
      '--private',
      '--disk-format',
      'raw',
      '--file',
      raw,
    ]);
    const volume = await openstack(martlet, ['volume', 'create', '--size', '1', 'secret-volume']);
    const server = await openstack(martlet, [
      'server',
      'create',
      '--image',
      String(image['id']),
      '--flavor',
      'm1.nano',
      'secret-server',
    ]);
    const project = String((await openstack(martlet, ['token', 'issue']))['project_id']);
    const urls: [string, string, object?][] = [
      ['GET', martlet.url(9292, `/v2/images/${image['id']}`)],
      ['GET', martlet.url(9292, `/v2/images/${image['id']}/file`)],
      ['PUT', martlet.url(9292, `/v2/images/${image['id']}/tags/mine`)],
      ['DELETE', martlet.url(9292, `/v2/images/${image['id']}`)],
      ['GET', martlet.url(8776, `/v3/volumes/${volume['id']}`)],
      ['PUT', martlet.url(8776, `/v3/volumes/${volume['id']}`), { volume: { name: 'mine now' } }],
      ['DELETE', martlet.url(8776, `/v3/volumes/${volume['id']}`)],
      ['POST', martlet.url(8776, `/v3/volumes/${volume['id']}/action`), { 'os-extend': { new_size: 2 } }],
      ['GET', martlet.url(8774, `/v2.1/servers/${server['id']}`)],
      ['DELETE', martlet.url(8774, `/v2.1/servers/${server['id']}`)],
      ['POST', martlet.url(8774, `/v2.1/servers/${server['id']}/action`), { 'os-stop': null }],
      ['GET', martlet.url(8774, `/v2.1/servers/${server['id']}/os-volume_attachments`)],
    ];
    for (const [method, url, body] of urls)
      expect([method, url, await statusOf(method, url, body)]).toEqual([method, url, 404]);
    for (const url of [
      martlet.url(8776, `/v3/${project}/volumes`),
      martlet.url(8776, `/v3/${project}/volumes/detail`),
    ]) {
      expect([403, 404, 400]).toContain(await statusOf('GET', url));
    }
    for (const kind of ['image', 'volume', 'server']) {
      const { stdout } = await asStranger(kind, 'list', '-f', 'json');
      expect([kind, JSON.parse(stdout)]).toEqual([kind, []]);
    }
    for (const kind of ['volume', 'server']) expect(await statusAllTenants(kind)).not.toContain('secret');
    const shown = await openstack(martlet, ['volume', 'show', String(volume['id'])]);
    expect(shown).toMatchObject({ name: 'secret-volume', size: 1 });
  });

  async function statusAllTenants(kind: string): Promise<string> {
    const { stdout, stderr } = await asStranger(kind, 'list', '--all-projects', '-f', 'json');
    return stdout + stderr;
  }

  it('cannot read each other’s projects and users, nor the service users’ secrets', async () => {
    const projects = await asStranger('project', 'list', '-f', 'json');
    expect(JSON.parse(projects.stdout).map((row: Row) => row['Name'])).toEqual(['others']);
    for (const what of [
      ['user', 'list'],
      ['project', 'show', 'demo'],
      ['role', 'assignment', 'list'],
    ]) {
      const { exitCode } = await asStranger(...what);
      expect([what, exitCode]).toEqual([what, 1]);
    }
    expect(await openstackRefused(martlet, ['user', 'create', 'mallory'])).toMatch(/403/);
  });
});

describe('a storage node', () => {
  it('refuses every request without the cluster’s key', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-node-'));
    const control = await Martlet.start({ data: join(folder, 'control') });
    const offset = await freePortOffset();
    const data = join(folder, 'node');
    await execa(PROGRAM, ['join', join(control.data, 'join.yaml'), '--data', data, '--port-offset', String(offset)]);
    const node = await Martlet.start({ data, portOffset: offset, args: ['--only', 'object-server,container-server'] });
    try {
      for (const [port, path] of [
        [6200, '/d1/0/AUTH_a/c/o'],
        [6201, '/d1/0/AUTH_a/c'],
        [6202, '/d1/0/AUTH_a'],
      ] as const) {
        for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'POST']) {
          const response = await fetch(node.url(port, path), {
            method,
            headers: { 'x-timestamp': '1700000000.00000' },
          });
          expect([method, port, response.status]).toEqual([method, port, 401]);
        }
        expect((await fetch(node.url(port, '/healthcheck'))).status).toBe(200);
      }
    } finally {
      expect(await node.down()).toBe(0);
      await control.remove();
      await rm(folder, { recursive: true });
    }
  });
});

/** Waits for a guest to try; the host's port counts who came. */
class Door {
  private readonly server: Server;
  visits = 0;

  constructor() {
    this.server = createServer((socket) => {
      this.visits += 1;
      socket.end('welcome\n');
    });
  }

  open(): Promise<number> {
    return new Promise((resolve) =>
      this.server.listen(0, '127.0.0.1', () => resolve((this.server.address() as { port: number }).port)),
    );
  }

  close(): void {
    this.server.close();
  }
}

describe('a guest with a network card', () => {
  for (const [network, reaches] of [
    ['open', true],
    ['restricted', false],
  ] as const) {
    it(`${reaches ? 'reaches' : 'cannot reach'} the host’s loopback when its network is ${network}`, async () => {
      const door = new Door();
      const port = await door.open();
      const martlet = await Martlet.start({ environment: { MARTLET_COMPUTE__NETWORK: network } });
      try {
        const image = await uploadGuest(martlet, `console=ttyS0 quiet panic=-1 martlet.knock=${port}`);
        await openstackQuietly(martlet, [
          'server',
          'create',
          '--image',
          image,
          '--flavor',
          'm1.nano',
          '--wait',
          'knocker',
        ]);
        const log = async () =>
          (await client(martlet, 'openstack', ['--os-cloud', 'martlet', 'console', 'log', 'show', 'knocker'])).stdout;
        await expect.poll(log, { timeout: BOOT_MS, interval: 1000 }).toMatch(/MARTLET-KNOCK (answered|silent)/);
        expect(await log()).toContain(`MARTLET-KNOCK ${reaches ? 'answered' : 'silent'}`);
        expect(door.visits > 0).toBe(reaches);
        await openstackQuietly(martlet, ['server', 'delete', '--wait', 'knocker']);
      } finally {
        await martlet.remove();
        door.close();
      }
    });
  }
});
