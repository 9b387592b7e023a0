import type { Clock } from '../common/clock.ts';
import { createContainerClient } from '../container-server/client.ts';
import type { ListingStore } from '../container-server/contract.ts';
import { createObjectClient } from '../object-server/client.ts';
import type { ObjectStore } from '../object-server/contract.ts';
import type { NodeFile } from './node-file.ts';

/** Where a node's API is, as rings and listing reports name it. */
interface NodeAddress {
  ip: string;
  port: number;
}

export interface NodeDirectory {
  listingStoreAt(address: NodeAddress): ListingStore;
  /** Whether that address is this node's: its objects, containers or accounts. */
  isLocal(address: NodeAddress): boolean;
  objectStoreAt(local: ObjectStore): (address: NodeAddress) => ObjectStore;
}

interface DirectoryDeps {
  node: NodeFile;
  clusterKey: string;
  clock: Clock;
  /** The listings of this node's own devices. */
  localListings: () => ListingStore;
}

/** Finds who keeps a device: this process itself, or another node behind its HTTP API. One client per address, made on first use. */
export function createNodeDirectory({ node, clusterKey, clock, localListings }: DirectoryDeps): NodeDirectory {
  const isAt = ({ ip, port }: NodeAddress, ports: readonly number[]) => ip === node.address && ports.includes(port);
  const remoteListings = memoize(({ ip, port }) => createContainerClient({ ip, port, clusterKey, clock }));
  const remoteObjects = memoize(({ ip, port }) => createObjectClient({ ip, port, clusterKey, clock }));
  return {
    listingStoreAt: (address) =>
      isAt(address, [node.containerPort, node.accountPort]) ? localListings() : remoteListings(address),
    isLocal: (address) => isAt(address, [node.objectPort, node.containerPort, node.accountPort]),
    objectStoreAt: (local) => (address) => (isAt(address, [node.objectPort]) ? local : remoteObjects(address)),
  };
}

function memoize<T>(make: (address: NodeAddress) => T): (address: NodeAddress) => T {
  const made = new Map<string, T>();
  return (address) => {
    const key = `${address.ip}|${address.port}`;
    let found = made.get(key);
    if (found === undefined) {
      found = make(address);
      made.set(key, found);
    }
    return found;
  };
}
