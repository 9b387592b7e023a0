import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { RingBuilder } from '../../ring/builder/builder.ts';
import { publishBuilder, publishRing } from '../../ring/ring-file.ts';
import type { NodeFile } from '../node-file.ts';

/** A cloud for one machine: room to grow to some hundred devices. */
const PART_POWER = 10;
const REPLICAS = 3;
const MIN_PART_HOURS = 1;
const DEVICE_WEIGHT = 100;

/** Makes the account, container and object ring of a new cloud over this node's devices, each in a zone of its own. */
export async function makeRings(folder: string, node: NodeFile): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const ports = { account: node.accountPort, container: node.containerPort, object: node.objectPort };
  for (const [name, port] of Object.entries(ports)) {
    const builder = RingBuilder.create({
      id: randomUUID(),
      partPower: PART_POWER,
      replicas: REPLICAS,
      minPartHours: MIN_PART_HOURS,
    });
    node.devices.forEach((device, index) => {
      builder.addDevice({
        region: 1,
        zone: index + 1,
        ip: node.address,
        port,
        replicationIp: node.address,
        replicationPort: port,
        device,
        weight: DEVICE_WEIGHT,
        meta: '',
      });
    });
    builder.rebalance({ seed: name, nowSeconds: Math.floor(systemClock.nowMs() / 1000) });
    await publishBuilder(join(folder, `${name}.builder`), builder);
    await publishRing(join(folder, `${name}.ring.gz`), builder.ringData());
  }
}
