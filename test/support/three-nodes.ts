import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { RingBuilder } from '../../ring/builder/builder.ts';
import { publishRing } from '../../ring/ring-file.ts';
import { freePortOffset } from './free-ports.ts';
import { Martlet } from './martlet.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/martlet');
const PORTS = { account: 6202, container: 6201, object: 6200 };
const PART_POWER = 6;
const ZONE_WEIGHT = 400;
const LISTING_REPLICAS = 3;
const STORAGE = 'object-server,container-server';

interface Policy {
  index: number;
  replicas?: number;
  data_fragments?: number;
  parity_fragments?: number;
}

interface ThreeNodesOptions {
  log_level: string;
  /** Of both nodes with a proxy; its policies say what rings there are. */
  proxy: Record<string, unknown> & { policies: readonly (Policy & Record<string, unknown>)[] };
}

/**
 * A cloud of three nodes on one machine, each a zone with a third of the weight: `first` has identity, a proxy and devices; `second` a
 * proxy and devices; `third` devices only. Made as README's "Several nodes" says.
 */
export class ThreeNodes {
  readonly folder: string;
  readonly first: Martlet;
  readonly second: Martlet;
  readonly third: Martlet;

  private constructor(folder: string, nodes: [Martlet, Martlet, Martlet]) {
    this.folder = folder;
    [this.first, this.second, this.third] = nodes;
  }

  static async start(configuration: ThreeNodesOptions): Promise<ThreeNodes> {
    const folder = await mkdtemp(join(tmpdir(), 'martlet-three-'));
    const config = join(folder, 'martlet.yaml');
    const options = ['--config', config];
    await writeFile(config, '{}\n');
    const first = await Martlet.start({ data: join(folder, 'first'), args: options });
    await first.down();
    const [second, third] = await Promise.all([
      joinCloud(first, folder, 'second', ['e1', 'e2']),
      joinCloud(first, folder, 'third', ['f1', 'f2']),
    ]);
    await writeFile(config, stringify(configuration));
    const zones = [
      { offset: first.portOffset, devices: ['d1', 'd2', 'd3', 'd4'] },
      { offset: second.offset, devices: ['e1', 'e2'] },
      { offset: third.offset, devices: ['f1', 'f2'] },
    ];
    const rings = join(folder, 'rings');
    await makeRings(rings, zones, configuration.proxy.policies);
    for (const data of [first.data, second.data]) await copyRings(rings, join(data, 'rings'));
    await first.up();
    const nodes = await Promise.all([
      Martlet.start(secondOf(folder, second.offset)),
      Martlet.start({ data: third.data, portOffset: third.offset, args: ['--only', STORAGE] }),
    ]);
    return new ThreeNodes(folder, [first, ...nodes]);
  }

  /** Another process in the place of `second`, which must be down; whoever asks for it ends it. */
  async startSecond(environment: Record<string, string>): Promise<Martlet> {
    return Martlet.start({ ...secondOf(this.folder, this.second.portOffset), environment });
  }

  async remove(): Promise<void> {
    for (const node of [this.third, this.second, this.first]) await node.remove();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function secondOf(folder: string, portOffset: number) {
  const args = ['--config', join(folder, 'martlet.yaml'), '--only', `proxy,${STORAGE}`];
  return { data: join(folder, 'second'), portOffset, args };
}

async function joinCloud(
  first: Martlet,
  folder: string,
  name: string,
  devices: readonly string[],
): Promise<{ data: string; offset: number }> {
  const offset = await freePortOffset();
  const data = join(folder, name);
  const flags = ['--data', data, '--port-offset', String(offset), '--devices', devices.join(',')];
  await execa(PROGRAM, ['join', join(first.data, 'join.yaml'), ...flags]);
  return { data, offset };
}

async function makeRings(
  folder: string,
  zones: readonly { offset: number; devices: readonly string[] }[],
  policies: readonly Policy[],
): Promise<void> {
  await mkdir(folder);
  const plans = [
    { name: 'account', port: PORTS.account, replicas: LISTING_REPLICAS },
    { name: 'container', port: PORTS.container, replicas: LISTING_REPLICAS },
    ...policies.map(({ index, replicas, data_fragments: data = 0, parity_fragments: parity = 0 }) => ({
      name: index === 0 ? 'object' : `object-${index}`,
      port: PORTS.object,
      replicas: data > 0 ? data + parity : (replicas ?? LISTING_REPLICAS),
    })),
  ];
  for (const { name, port: basePort, replicas } of plans) {
    const builder = RingBuilder.create({ id: name, partPower: PART_POWER, replicas, minPartHours: 1 });
    for (const [index, { offset, devices }] of zones.entries()) {
      const port = basePort + offset;
      const address = { ip: '127.0.0.1', port, replicationIp: '127.0.0.1', replicationPort: port };
      const weight = ZONE_WEIGHT / devices.length;
      for (const device of devices)
        builder.addDevice({ region: 1, zone: index + 1, ...address, device, weight, meta: '' });
    }
    builder.rebalance({ seed: name, nowSeconds: Math.floor(Date.now() / 1000) });
    await publishRing(join(folder, `${name}.ring.gz`), builder.ringData());
  }
}

async function copyRings(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) await copyFile(join(from, name), join(to, name));
}
