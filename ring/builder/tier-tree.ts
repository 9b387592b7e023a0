import type { Device } from '../contract.ts';

/** Levels below the cluster: region, zone, server, device. */
export const TIER_LEVELS = 4;

/** A place in the tree, named by its devices' coordinates. */
interface Tier {
  /** 0 cluster, 1 region, 2 zone, 3 server, 4 device. */
  readonly level: number;
  /** -1 for the cluster. */
  readonly parent: number;
  readonly children: number[];
  /** `r1`, `r1z2`, `r1z2-10.0.0.1`, `r1z2-10.0.0.1/sdb`. */
  readonly name: string;
  /** The device of a leaf, else -1. */
  readonly deviceId: number;
}

/**
 * The failure domains of the devices as a tree, in arrays by tier number. The cluster is tier 0, parents come before
 * their children, and the order follows from region, zone, address and id alone.
 */
export interface TierTree {
  readonly tiers: readonly Tier[];
  /** deviceId * TIER_LEVELS + level - 1 gives the device's tier on that level. */
  readonly paths: Int32Array;
}

/** Spec: Swift 2.30, "The Rings": Building the Ring; servers are told apart by address alone. */
export function buildTierTree(devices: readonly (Device | undefined)[]): TierTree {
  const tiers: Tier[] = [{ level: 0, parent: -1, children: [], name: 'cluster', deviceId: -1 }];
  const paths = new Int32Array(devices.length * TIER_LEVELS).fill(-1);
  const numbers = new Map<string, number>();
  const sorted = devices.filter((device) => device !== undefined).sort(byPlace);
  for (const device of sorted) {
    const zone = `r${device.region}z${device.zone}`;
    const names = [`r${device.region}`, zone, `${zone}-${device.ip}`, `${zone}-${device.ip}/${device.device}`];
    let parent = 0;
    for (const [index, name] of names.entries()) {
      const leaf = index === TIER_LEVELS - 1;
      const key = leaf ? `#${device.id}` : name;
      let number = numbers.get(key);
      if (number === undefined) {
        number = tiers.length;
        numbers.set(key, number);
        tiers.push({ level: index + 1, parent, children: [], name, deviceId: leaf ? device.id : -1 });
        tiers[parent]?.children.push(number);
      }
      paths[device.id * TIER_LEVELS + index] = number;
      parent = number;
    }
  }
  return { tiers, paths };
}

function byPlace(left: Device, right: Device): number {
  return (
    left.region - right.region ||
    left.zone - right.zone ||
    (left.ip < right.ip ? -1 : left.ip > right.ip ? 1 : 0) ||
    left.id - right.id
  );
}

/** Adds the leaves' values up into every tier above them, in place. */
export function sumUp(tree: TierTree, values: Float64Array | Int32Array): void {
  for (let number = tree.tiers.length - 1; number > 0; number--) {
    const tier = tree.tiers[number];
    if (tier !== undefined) values[tier.parent] = (values[tier.parent] ?? 0) + (values[number] ?? 0);
  }
}

/** The leaf of a device, or -1 for an id without device. */
export function leafOf(tree: TierTree, deviceId: number): number {
  return tree.paths[deviceId * TIER_LEVELS + TIER_LEVELS - 1] ?? -1;
}
