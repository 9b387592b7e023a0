import type {
  AccountInfo,
  ContainerInfo,
  ListingPage,
  ListingQuery,
  ListingStore,
} from '../../container-server/contract.ts';
import type { Ring } from '../../ring/contract.ts';
import type { Cluster } from '../backend/cluster.ts';
import { withDeadline } from '../backend/deadline.ts';
import { isDecisive, quorumOf } from '../backend/quorum.ts';
import { readOrder } from '../backend/replicas.ts';
import { refusal } from '../errors.ts';

/** @returns undefined where there is no such account yet. @throws ApiError 503. */
export async function readAccountInfo(cluster: Cluster, account: string): Promise<AccountInfo | undefined> {
  const { account: ring } = cluster.rings;
  const partition = ring.partitionOf(account);
  return readFirst(cluster, ring, partition, (store, device) => store.accountInfo({ device, partition, account }));
}

/** @returns undefined where there is no such account yet. @throws ApiError 503. */
export async function listContainers(
  cluster: Cluster,
  account: string,
  query: ListingQuery,
): Promise<{ info: AccountInfo; page: ListingPage } | undefined> {
  const { account: ring } = cluster.rings;
  const partition = ring.partitionOf(account);
  return readFirst(cluster, ring, partition, async (store, device) => {
    const target = { device, partition, account };
    const info = await store.accountInfo(target);
    return { info, page: await store.listContainers(target, query) };
  });
}

/** @returns undefined where there is no such container. @throws ApiError 503. */
export async function readContainerInfo(
  cluster: Cluster,
  account: string,
  container: string,
): Promise<ContainerInfo | undefined> {
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(account, container);
  return readFirst(cluster, ring, partition, (store, device) =>
    store.containerInfo({ device, partition, account, container }),
  );
}

/** @returns undefined where there is no such container. @throws ApiError 503. */
export async function listObjects(
  cluster: Cluster,
  account: string,
  container: string,
  query: ListingQuery,
): Promise<{ info: ContainerInfo; page: ListingPage } | undefined> {
  const { container: ring } = cluster.rings;
  const partition = ring.partitionOf(account, container);
  return readFirst(cluster, ring, partition, async (store, device) => {
    const target = { device, partition, account, container };
    const info = await store.containerInfo(target);
    return { info, page: await store.listObjects(target, query) };
  });
}

/**
 * The first replica's answer, always in the same order, so that the pages of one listing come from one replica.
 *
 * @returns undefined when a quorum says that there is nothing.
 */
async function readFirst<T>(
  cluster: Cluster,
  ring: Ring,
  partition: number,
  read: (store: ListingStore, device: string) => Promise<T>,
): Promise<T | undefined> {
  const primaries = ring.primaries(partition);
  let absent = 0;
  let failure: unknown;
  for (const device of readOrder(cluster, ring, partition)) {
    try {
      return await withDeadline(read(cluster.listingStoreAt(device), device.device), cluster.nodeTimeoutMs);
    } catch (error) {
      if (isDecisive(error) && error.status === 404) {
        if (primaries.includes(device)) absent += 1;
      } else {
        failure = error;
        cluster.logger.warn(
          { err: error, device: device.device, ip: device.ip },
          'a listing replica could not be read',
        );
      }
    }
  }
  if (absent >= quorumOf(primaries.length)) return undefined;
  throw refusal(503, { cause: failure });
}
