import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import { RingBuilder } from '../../ring/builder/builder.ts';
import { publishBuilder, publishRing } from '../../ring/ring-file.ts';
import type { NodeFile } from '../node-file.ts';
import { objectRingName, type RingPolicy, replicasOf } from '../node-rings.ts';

/** A cloud for one machine: room to grow to some hundred devices. */
const PART_POWER = 10;
const REPLICAS = 3;
const MIN_PART_HOURS = 1;
const DEVICE_WEIGHT = 100;

interface RingPlan {
  name: string;
  port: number;
  replicas: number;
}

/**
 * Makes the account and the container ring of a new cloud, and the object ring of each storage policy, over this node's devices, each
 * in a zone of its own.
 *
 * @throws StartError for a policy that wants more replicas than there are devices.
 */
export async function makeRings(folder: string, node: NodeFile, policies: readonly RingPolicy[]): Promise<void> {
  const greedy = policies.find((policy) => replicasOf(policy) > node.devices.length);
  if (greedy)
    throw new StartError(
      `configuration: proxy.policies: '${greedy.name}' wants ${replicasOf(greedy)} replicas; a new cloud has ${node.devices.length} devices`,
      EX_CONFIG,
    );
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const plans: RingPlan[] = [
    { name: 'account', port: node.accountPort, replicas: REPLICAS },
    { name: 'container', port: node.containerPort, replicas: REPLICAS },
    ...policies.map((policy) => ({
      name: objectRingName(policy.index),
      port: node.objectPort,
      replicas: replicasOf(policy),
    })),
  ];
  for (const plan of plans) await makeRing(folder, node, plan);
}

async function makeRing(folder: string, node: NodeFile, { name, port, replicas }: RingPlan): Promise<void> {
  const builder = RingBuilder.create({
    id: randomUUID(),
    partPower: PART_POWER,
    replicas,
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
