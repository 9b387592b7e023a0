import type { ReplicaAddress } from '../../container-server/contract.ts';
import type { ListingReport } from '../../object-server/contract.ts';
import type { Cluster } from './cluster.ts';

/**
 * The container replica that each object replica reports to. Where there are more object replicas than container replicas,
 * several report to the same one: any quorum of them then reaches as many as it can, and rows are idempotent.
 */
export function listingReports(
  cluster: Cluster,
  account: string,
  container: string,
): (replica: number) => ListingReport {
  const { container: ring } = cluster.rings;
  const addresses = addressesOf(ring.partitionOf(account, container), ring);
  return (replica) => {
    const chosen = replica % addresses.length;
    return { ...(addresses[chosen] as ReplicaAddress), others: addresses.filter((_, index) => index !== chosen) };
  };
}

/** The account replicas that each container replica reports to: between them, every account replica is told. */
export function accountReports(
  cluster: Cluster,
  account: string,
): (replica: number, containerReplicas: number) => ReplicaAddress[] {
  const { account: ring } = cluster.rings;
  const addresses = addressesOf(ring.partitionOf(account), ring);
  return (replica, containerReplicas) => {
    if (replica >= addresses.length) return [addresses[replica % addresses.length] as ReplicaAddress];
    return addresses.filter((_, index) => index % containerReplicas === replica);
  };
}

function addressesOf(
  partition: number,
  ring: { primaries(partition: number): readonly { ip: string; port: number; device: string }[] },
): ReplicaAddress[] {
  return ring.primaries(partition).map(({ ip, port, device }) => ({ ip, port, device, partition }));
}
