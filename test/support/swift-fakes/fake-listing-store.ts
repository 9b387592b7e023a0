import { isoDateOf, type Timestamp } from '../../../common/timestamp.ts';
import {
  type AccountInfo,
  type AccountTarget,
  type ContainerCreation,
  type ContainerInfo,
  type ContainerRow,
  type ContainerTarget,
  chunkOfRows,
  type ListingPage,
  type ListingQuery,
  type ListingStore,
  type MetadataUpdate,
  type ObjectRow,
  type ReplicaAddress,
} from '../../../container-server/contract.ts';
import { refused } from './fake-object-store.ts';
import { updatesOneByOne } from './updates-one-by-one.ts';

type LiveRow = Extract<ObjectRow, { deleted: false }>;

interface Container {
  createdAt: Timestamp;
  putTimestamp: Timestamp;
  policyIndex: number;
  metadata: Record<string, string>;
  rows: Map<string, LiveRow>;
  tombstones: Map<string, Timestamp>;
  accounts: readonly ReplicaAddress[];
}

interface Account {
  createdAt: Timestamp;
  metadata: Record<string, string>;
  rows: Map<string, ContainerRow>;
}

/** Listings of one device, in memory. */
export class FakeListingStore implements ListingStore {
  unavailable = false;
  readonly applyObjectUpdates = updatesOneByOne((target, rows) => this.applyObjectRows(target, rows));
  readonly accounts = new Map<string, Account>();
  readonly containers = new Map<string, Container>();
  private readonly listings: (device: string) => ListingStore;

  constructor(listings: (device: string) => ListingStore) {
    this.listings = listings;
  }

  async accountInfo({ account }: AccountTarget): Promise<AccountInfo> {
    const found = this.account(account);
    const live = [...found.rows.values()];
    const sum = (of: (row: ContainerRow) => number) => live.reduce((total, row) => total + of(row), 0);
    const policies = [...new Set(live.map(({ policyIndex }) => policyIndex))].map((policyIndex) => {
      const rows = live.filter((row) => row.policyIndex === policyIndex);
      return {
        policyIndex,
        containerCount: rows.length,
        objectCount: rows.reduce((total, row) => total + row.objectCount, 0),
        bytesUsed: rows.reduce((total, row) => total + row.bytesUsed, 0),
      };
    });
    return {
      createdAt: found.createdAt,
      containerCount: live.length,
      objectCount: sum((row) => row.objectCount),
      bytesUsed: sum((row) => row.bytesUsed),
      policies,
      metadata: found.metadata,
    };
  }

  async updateAccount({ account }: AccountTarget, change: MetadataUpdate): Promise<{ created: boolean }> {
    this.assertAvailable();
    const found = this.accounts.get(account);
    const updated = found ?? { createdAt: change.timestamp, metadata: {}, rows: new Map() };
    Object.assign(updated.metadata, change.metadata);
    this.accounts.set(account, updated);
    return { created: !found };
  }

  async removeAccount({ account }: AccountTarget): Promise<void> {
    this.accounts.delete(account);
  }

  async listContainers({ account }: AccountTarget, query: ListingQuery): Promise<ListingPage> {
    const { rows } = this.account(account);
    const shown = [...rows.values()].filter((row) => row.name.includes('/') === (query.reserved ?? false));
    const texts = new Map(
      shown.map((row) => [
        row.name,
        JSON.stringify({
          name: row.name,
          count: row.objectCount,
          bytes: row.bytesUsed,
          last_modified: isoDateOf(row.putTimestamp),
        }),
      ]),
    );
    return pageOf(page(texts, query));
  }

  async applyContainerRows({ account }: AccountTarget, rows: readonly ContainerRow[]): Promise<void> {
    this.assertAvailable();
    const found = this.accounts.get(account) ?? {
      createdAt: rows[0]?.putTimestamp ?? '',
      metadata: {},
      rows: new Map(),
    };
    this.accounts.set(account, found);
    for (const row of rows) {
      if (row.deleteTimestamp > row.putTimestamp) found.rows.delete(row.name);
      else found.rows.set(row.name, row);
    }
  }

  async containerInfo(target: ContainerTarget): Promise<ContainerInfo> {
    const { createdAt, putTimestamp, policyIndex, metadata, rows } = this.container(target);
    const bytesUsed = [...rows.values()].reduce((sum, row) => sum + row.sizeBytes, 0);
    return { createdAt, putTimestamp, policyIndex, metadata, objectCount: rows.size, bytesUsed };
  }

  async createContainer(target: ContainerTarget, creation: ContainerCreation): Promise<{ created: boolean }> {
    this.assertAvailable();
    const found = this.containers.get(keyOf(target));
    if (found && creation.policyIndex !== undefined && creation.policyIndex !== found.policyIndex)
      throw refused(409, 'PolicyConflict', { policyIndex: found.policyIndex });
    const container = found ?? {
      createdAt: creation.timestamp,
      putTimestamp: creation.timestamp,
      policyIndex: creation.policyIndex ?? creation.defaultPolicyIndex,
      metadata: {},
      rows: new Map<string, LiveRow>(),
      tombstones: new Map<string, Timestamp>(),
      accounts: creation.accounts,
    };
    Object.assign(container.metadata, creation.metadata);
    this.containers.set(keyOf(target), container);
    await this.report(target, container, '0');
    return { created: !found };
  }

  async updateContainer(target: ContainerTarget, change: MetadataUpdate): Promise<void> {
    Object.assign(this.container(target).metadata, change.metadata);
  }

  async removeContainer(target: ContainerTarget, removal: { timestamp: Timestamp }): Promise<void> {
    const container = this.container(target);
    if (container.rows.size > 0) throw refused(409, 'ContainerNotEmpty');
    this.containers.delete(keyOf(target));
    await this.report(target, container, removal.timestamp);
  }

  async listObjects(target: ContainerTarget, query: ListingQuery): Promise<ListingPage> {
    const { rows } = this.container(target);
    const texts = new Map(
      [...rows.values()].map((row) => [
        row.name,
        JSON.stringify({
          hash: row.etag,
          last_modified: isoDateOf(row.timestamp),
          bytes: row.sizeBytes,
          name: row.name,
          content_type: row.contentType,
        }),
      ]),
    );
    return pageOf(page(texts, query));
  }

  async applyObjectRows(target: ContainerTarget, rows: readonly ObjectRow[]): Promise<void> {
    const container = this.container(target);
    for (const row of rows) {
      const known = container.rows.get(row.name)?.timestamp ?? container.tombstones.get(row.name) ?? '';
      if (row.timestamp < known) continue;
      if (row.deleted) {
        container.rows.delete(row.name);
        container.tombstones.set(row.name, row.timestamp);
      } else {
        container.rows.set(row.name, row);
      }
    }
    await this.report(target, container, '0');
  }

  private async report(target: ContainerTarget, container: Container, deleteTimestamp: Timestamp): Promise<void> {
    const row: ContainerRow = {
      name: target.container,
      putTimestamp: container.putTimestamp,
      deleteTimestamp,
      objectCount: container.rows.size,
      bytesUsed: [...container.rows.values()].reduce((sum, each) => sum + each.sizeBytes, 0),
      policyIndex: container.policyIndex,
    };
    for (const { device, partition } of container.accounts)
      await this.listings(device).applyContainerRows({ device, partition, account: target.account }, [row]);
  }

  private account(name: string): Account {
    this.assertAvailable();
    const account = this.accounts.get(name);
    if (!account) throw refused(404, 'AccountNotFound');
    return account;
  }

  private container(target: ContainerTarget): Container {
    this.assertAvailable();
    const container = this.containers.get(keyOf(target));
    if (!container) throw refused(404, 'ContainerNotFound');
    return container;
  }

  private assertAvailable(): void {
    if (this.unavailable) throw refused(507, 'DeviceUnavailable');
  }
}

/** Two rows a chunk: whoever renders a page has to join them. */
function pageOf(rows: readonly string[]): ListingPage {
  const chunks: Buffer[] = [];
  for (let start = 0; start < rows.length; start += 2) chunks.push(chunkOfRows(rows.slice(start, start + 2)));
  return { chunks };
}

function keyOf({ account, container }: ContainerTarget): string {
  return JSON.stringify([account, container]);
}

/** The plainest listing that follows the documentation: for small sets of names. */
function page(texts: ReadonlyMap<string, string>, query: ListingQuery): string[] {
  const bytes = (text: string) => Buffer.from(text);
  const before = (left: string, right: string) => Buffer.compare(bytes(left), bytes(right)) < 0;
  const prefix = query.path === undefined || query.path === '' ? query.prefix : `${query.path}/`;
  const delimiter = query.path === undefined ? query.delimiter : '/';
  const entries = new Map<string, string>();
  for (const [name, text] of texts) {
    if (!name.startsWith(prefix)) continue;
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    if (cut < 0) entries.set(name, text);
    else if (query.path === undefined) {
      const subdir = name.slice(0, cut + delimiter.length);
      entries.set(subdir, JSON.stringify({ subdir }));
    }
  }
  const [low, high] = query.reverse ? [query.endMarker, query.marker] : [query.marker, query.endMarker];
  const sorted = [...entries].sort(([left], [right]) => (before(left, right) ? -1 : 1));
  const within = sorted.filter(([name]) => (low === '' || before(low, name)) && (high === '' || before(name, high)));
  if (query.reverse) within.reverse();
  return within.slice(0, query.limit).map(([, text]) => text);
}
