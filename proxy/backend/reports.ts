import { invariant } from '../../common/errors.ts';
import type { ReplicaAddress } from '../../container-server/contract.ts';
import type { ListingReport } from '../../object-server/contract.ts';
import type { Ring } from '../../ring/contract.ts';
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
  const reports = reportsOfPartition(ring, ring.partitionOf(account, container));
  return (replica) => reportOf(reports, replica);
}

/** The report of one object replica, of those that `reportsOfPartition` gave. */
export function reportOf(reports: readonly ListingReport[], replica: number): ListingReport {
  const report = reports[replica % reports.length];
  invariant(report !== undefined, 'a container has replicas');
  return report;
}

/** By ring and partition: as many as the container ring has partitions. */
const known = new WeakMap<Ring, Map<number, readonly ListingReport[]>>();

/** One report per container replica; the same objects whenever it is asked for the same partition. */
export function reportsOfPartition(ring: Ring, partition: number): readonly ListingReport[] {
  const ofRing = known.get(ring) ?? new Map<number, readonly ListingReport[]>();
  known.set(ring, ofRing);
  let reports = ofRing.get(partition);
  if (!reports) {
    const addresses = addressesOf(partition, ring);
    reports = addresses.map((address) => ({ ...address, others: addresses.filter((each) => each !== address) }));
    ofRing.set(partition, reports);
  }
  return reports;
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

function addressesOf(partition: number, ring: Ring): ReplicaAddress[] {
  return ring.primaries(partition).map(({ ip, port, device }) => ({ ip, port, device, partition }));
}
