import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ComputeWorld } from '../../support/compute/world.ts';

/** More than any operation here makes calls. */
const MOST_CALLS = 400;

let world: ComputeWorld;

beforeEach(async () => {
  world = await ComputeWorld.start();
});

afterEach(() => world.remove());

/**
 * Runs `act` with the service killed after 0, 1, 2, … calls to the outside, starts it again each time, and lets `settled` judge;
 * ends when `act` comes through unharmed. A `stride` above 1 skips calls, where each life writes files.
 */
async function killedEverywhere(
  act: () => Promise<unknown>,
  settled: (kills: number) => Promise<void>,
  stride = 1,
): Promise<number> {
  for (let calls = 0; calls < MOST_CALLS; calls += stride) {
    world.killAfter(calls);
    const done = act().then(() => 'done');
    const dead = untilKilled().then(() => 'dead');
    const outcome = await Promise.race([done, dead]);
    await world.restart();
    await settled(calls);
    if (outcome === 'done') return calls;
  }
  throw new Error('the operation never comes to its end');
}

async function untilKilled(): Promise<void> {
  const { service } = world;
  while (!world.killed && world.service === service) await new Promise((resolve) => setImmediate(resolve));
}

describe('a service that is killed at any call and started again', () => {
  it('finishes or undoes an attachment: no volume stays between', async () => {
    const server = await world.server();
    const volume = world.volumes.add();
    const kills = await killedEverywhere(
      async () => {
        await world.call('POST', `servers/${server}/os-volume_attachments`, {
          body: { volumeAttachment: { volumeId: volume.id } },
        });
        await world.settled(server);
      },
      async () => {
        expect(await world.settled(server)).toBe('ACTIVE');
        const devices = await world.devices(server);
        const plugged = await world.hypervisor.volumesOf(server);
        expect([
          world.volumes.statusOf(volume.id),
          devices.length,
          plugged.size,
          world.volumes.attachments.size,
        ]).toEqual(devices.length === 1 ? ['in-use', 1, 1, 1] : ['available', 0, 0, 0]);
        if (devices.length === 1) {
          await world.call('DELETE', `servers/${server}/os-volume_attachments/${volume.id}`);
          await expect.poll(() => world.volumes.statusOf(volume.id), { interval: 1 }).toBe('available');
        }
      },
    );
    expect(kills).toBeGreaterThan(10);
  });

  it('finishes or keeps a detachment', async () => {
    const server = await world.server();
    const volume = world.volumes.add();
    const attach = async () => {
      await world.call('POST', `servers/${server}/os-volume_attachments`, {
        body: { volumeAttachment: { volumeId: volume.id } },
      });
      await world.settled(server);
    };
    await attach();
    const kills = await killedEverywhere(
      async () => {
        await world.call('DELETE', `servers/${server}/os-volume_attachments/${volume.id}`);
        await world.settled(server);
      },
      async () => {
        await world.settled(server);
        const devices = await world.devices(server);
        const plugged = await world.hypervisor.volumesOf(server);
        expect([world.volumes.statusOf(volume.id), devices.length, plugged.size]).toEqual(
          devices.length === 1 ? ['in-use', 1, 1] : ['available', 0, 0],
        );
        if (devices.length === 0) await attach();
      },
    );
    expect(kills).toBeGreaterThan(5);
  });

  it('builds a server or says why not, and deletes it with all its volumes', async () => {
    const image = world.addImage();
    const data = world.volumes.add();
    let id: string | undefined;
    await killedEverywhere(
      async () => {
        const devices = [
          { source_type: 'image', destination_type: 'local', uuid: image.id, boot_index: 0 },
          { source_type: 'volume', destination_type: 'volume', uuid: data.id },
        ];
        const server = { name: 'built', flavorRef: '1', imageRef: image.id, block_device_mapping_v2: devices };
        id = (await world.call('POST', 'servers', { body: { server } })).body.server.id;
        await world.settled(id ?? '');
      },
      async () => {
        const { body } = await world.call('GET', 'servers');
        for (const { id: each } of body.servers as { id: string }[]) {
          expect(['ACTIVE', 'ERROR']).toContain(await world.settled(each));
          expect(world.volumes.statusOf(data.id)).toBe(
            (await world.devices(each)).length === 1 ? 'in-use' : 'available',
          );
          await world.call('DELETE', `servers/${each}`);
          expect(await world.settled(each)).toBeUndefined();
        }
        expect(world.volumes.statusOf(data.id)).toBe('available');
        expect(world.volumes.attachments.size).toBe(0);
      },
      3,
    );
  });

  it('finishes a deletion', async () => {
    let server = await world.server();
    await killedEverywhere(
      async () => {
        await world.call('DELETE', `servers/${server}`);
        await world.settled(server);
      },
      async () => {
        if ((await world.settled(server)) === undefined) {
          expect(world.hypervisor.isRunning(server)).toBe(false);
          server = await world.server();
        } else expect(world.hypervisor.isRunning(server)).toBe(true);
      },
    );
  });

  it('finishes power actions', async () => {
    const server = await world.server();
    for (const [action, status] of [
      [{ 'os-stop': null }, 'SHUTOFF'],
      [{ 'os-start': null }, 'ACTIVE'],
      [{ reboot: { type: 'HARD' } }, 'ACTIVE'],
    ] as const) {
      await killedEverywhere(
        async () => {
          await world.call('POST', `servers/${server}/action`, { body: action });
          await world.settled(server);
        },
        async () => {
          const settled = await world.settled(server);
          expect(world.hypervisor.isRunning(server)).toBe(settled === 'ACTIVE');
        },
      );
      expect(await world.settled(server)).toBe(status);
    }
  });
});

describe('a start', () => {
  it('notes the guests that ended while nobody looked', async () => {
    const server = await world.server();
    await world.hypervisor.powerOff(server);
    await world.restart();
    expect(await world.settled(server)).toBe('SHUTOFF');
  });

  it('finds the guests that ran on', async () => {
    const server = await world.server();
    await world.restart();
    expect(await world.settled(server)).toBe('ACTIVE');
    expect(world.hypervisor.isRunning(server)).toBe(true);
  });
});
