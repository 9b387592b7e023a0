import { hash } from 'node:crypto';
import type { Device, Ring } from '../../../ring/contract.ts';

/** A small ring: every device has the same weight, the replicas of a partition are neighbours. */
export function fakeRing(deviceCount: number, replicas: number, port = 6200): Ring {
  const devices = Array.from({ length: deviceCount }, (_, id): Device => {
    const address = { ip: '127.0.0.1', port, replicationIp: '127.0.0.1', replicationPort: port };
    return { id, region: 1, zone: id + 1, ...address, device: `d${id}`, weight: 100, meta: '' };
  });
  const at = (index: number) => devices[index % deviceCount] as Device;
  return {
    partPower: 4,
    replicaCount: replicas,
    devices,
    version: 1,
    partitionOf: (...names) =>
      hash('md5', names.filter((name) => name !== undefined).join('/'), 'buffer').readUInt8(0) >> 4,
    primaries: (partition) => Array.from({ length: replicas }, (_, replica) => at(partition + replica)),
    *handoffs(partition) {
      for (let index = replicas; index < deviceCount; index += 1) yield at(partition + index);
    },
    share: () => {
      throw new Error('a fake ring is not shared');
    },
  };
}
