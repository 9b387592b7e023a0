import { invariant } from '../../common/errors.ts';
import type { ReplicaAddress } from '../../container-server/contract.ts';
import type { ListingReport } from '../../object-server/contract.ts';
import type { Ring } from '../../ring/contract.ts';
import type { Cluster } from './cluster.ts';

/**
 * The container replicas that each object replica reports to. Where there are more object replicas than container replicas, several
 * report to the same one: any quorum of them then reaches as many as it can, and rows are idempotent. Where there are fewer, each
 * reports to several.
 */
export function listingReports(
  cluster: Cluster,
  { account, container, policyIndex }: { account: string; container: string; policyIndex: number },
): (replica: number) => ListingReport {
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(account, container);
  const reports = reportsOfPartition(ring, partition, cluster.rings.object(policyIndex).replicaCount);
  return (replica) => reportOf(reports, replica);
}

/** The report of one object replica, of those that `reportsOfPartition` gave. */
export function reportOf(reports: readonly ListingReport[], replica: number): ListingReport {
  const report = reports[replica % reports.length];
  invariant(report !== undefined, 'a container has replicas');
  return report;
}

/** By ring, partition and number of object replicas: as many as the container ring has partitions, for each of a few numbers. */
const known = new WeakMap<Ring, Map<number, readonly ListingReport[]>>();
const MOST_OBJECT_REPLICAS = 256;

/**
 * The reports of object replicas 0, 1, …; of those beyond, again from the first.
 *
 * @param objectReplicas of the storage policy's ring; may have a fraction: some partitions then have one more.
 * @returns the same objects whenever it is asked the same.
 */
export function reportsOfPartition(ring: Ring, partition: number, objectReplicas: number): readonly ListingReport[] {
  const ofRing = known.get(ring) ?? new Map<number, readonly ListingReport[]>();
  known.set(ring, ofRing);
  const reporters = Math.min(Math.floor(objectReplicas), MOST_OBJECT_REPLICAS - 1);
  const key = partition * MOST_OBJECT_REPLICAS + reporters;
  let reports = ofRing.get(key);
  if (!reports) {
    reports = makeReports(addressesOf(partition, ring), reporters);
    ofRing.set(key, reports);
  }
  return reports;
}

function makeReports(addresses: readonly ReplicaAddress[], reporters: number): ListingReport[] {
  return addresses.slice(0, reporters).map((address, reporter) => {
    const isAlso = (each: ReplicaAddress) => addresses.indexOf(each) % reporters === reporter;
    const others = addresses.filter((each) => each !== address);
    const also = others.filter(isAlso);
    return {
      ...address,
      others: [...also, ...others.filter((each) => !isAlso(each))],
      ...(also.length > 0 ? { alsoOthers: also.length } : {}),
    };
  });
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
