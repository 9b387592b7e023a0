import type { Timestamp } from '../../common/timestamp.ts';
import type { Cluster } from '../backend/cluster.ts';
import { writeToReplicas } from '../backend/replicas.ts';
import { accountReports } from '../backend/reports.ts';
import { writeWithTimestamp } from '../backend/timestamp-retry.ts';
import { readAccountInfo } from './read-listing.ts';

/** Header name in lower case to value; an empty value removes the name. */
export type MetadataChange = Readonly<Record<string, string>>;

/** Creates the account or changes its metadata. @throws ApiError 503. */
export async function changeAccount(cluster: Cluster, account: string, metadata: MetadataChange): Promise<void> {
  const { account: ring } = cluster.rings;
  const partition = ring.partitionOf(account);
  await changing(cluster, { account, container: '' }, (timestamp) =>
    writeToReplicas(cluster, ring, partition, (device) =>
      cluster
        .listingStoreAt(device)
        .updateAccount({ device: device.device, partition, account }, { timestamp, metadata }),
    ),
  );
}

export interface ContainerPut {
  account: string;
  container: string;
  metadata: MetadataChange;
  /** Undefined: the policy that the container has, or the default. */
  policyIndex: number | undefined;
  /** What an account that is made for the occasion gets. */
  accountMetadata: MetadataChange;
}

/**
 * Creates a container, and its account if need be, or changes the metadata of the one there.
 *
 * @throws ApiError 409 where it has another policy, 503.
 */
export async function putContainer(cluster: Cluster, put: ContainerPut): Promise<{ created: boolean }> {
  const { account, container, metadata, policyIndex } = put;
  if (!(await readAccountInfo(cluster, account))) await changeAccount(cluster, account, put.accountMetadata);
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(account, container);
  const replicas = ring.primaries(partition).length;
  const reportsOf = accountReports(cluster, account);
  const created = await changing(cluster, put, (timestamp) =>
    writeToReplicas(cluster, ring, partition, (device, replica) =>
      cluster.listingStoreAt(device).createContainer(
        { device: device.device, partition, account, container },
        {
          timestamp,
          metadata,
          policyIndex,
          defaultPolicyIndex: cluster.policies.default.index,
          accounts: reportsOf(replica, replicas),
        },
      ),
    ),
  );
  return { created: created.every((each) => each.created) };
}

/** @throws ApiError 404, 503. */
export async function changeContainer(
  cluster: Cluster,
  name: { account: string; container: string },
  metadata: MetadataChange,
): Promise<void> {
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(name.account, name.container);
  await changing(cluster, name, (timestamp) =>
    writeToReplicas(cluster, ring, partition, (device) =>
      cluster
        .listingStoreAt(device)
        .updateContainer({ ...name, device: device.device, partition }, { timestamp, metadata }),
    ),
  );
}

/** @throws ApiError 404, 409 while it holds objects, 503. */
export async function removeContainer(cluster: Cluster, name: { account: string; container: string }): Promise<void> {
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(name.account, name.container);
  const replicas = ring.primaries(partition).length;
  const reportsOf = accountReports(cluster, name.account);
  await changing(cluster, name, (timestamp) =>
    writeToReplicas(cluster, ring, partition, (device, replica) =>
      cluster
        .listingStoreAt(device)
        .removeContainer(
          { ...name, device: device.device, partition },
          { timestamp, accounts: reportsOf(replica, replicas) },
        ),
    ),
  );
}

/** A write after which no thread of this process believes what it remembers of the container ('': of the account itself), wherever its replicas are. */
async function changing<T>(
  cluster: Cluster,
  { account, container }: { account: string; container: string },
  write: (timestamp: Timestamp) => Promise<T>,
): Promise<T> {
  try {
    return await writeWithTimestamp(cluster, write);
  } finally {
    cluster.containerChanges?.bump(account, container);
  }
}
