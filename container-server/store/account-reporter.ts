import { ApiError } from '../../common/errors.ts';
import type { Logger } from '../../common/log.ts';
import type { ContainerRow, ListingStore, ReplicaAddress } from '../contract.ts';
import { FIRST_BACKOFF_MS, MOST_BACKOFF_MS, MOST_CONTAINERS_PER_REPORT } from '../limits.ts';
import type { ListingDatabase } from './database.ts';
import { dirtyKey, namesOfKey, spaceBounds } from './keys.ts';
import { type ContainerRecord, isLive, NEVER } from './records.ts';

export interface ReporterDeps {
  listingStoreAt(address: { ip: string; port: number }): Pick<ListingStore, 'applyContainerRows'>;
  logger: Logger;
  intervalMs: number;
  timeoutMs: number;
}

interface Report {
  account: string;
  container: string;
  /** Of the counts; see `ListingDatabase.dirtyVersion`. */
  version: number | undefined;
  /** Undefined: the container has been forgotten, and nobody has to be told. */
  row: ContainerRow | undefined;
  accounts: readonly ReplicaAddress[];
}

/**
 * Tells accounts the counts of one device's containers: those with a dirty mark, gathered for a moment, until every account
 * replica has acknowledged them. One flush at a time, so that an older count never follows a newer one.
 */
export class AccountReporter {
  private readonly database: ListingDatabase;
  private readonly deps: ReporterDeps;
  /** Keys of dirty marks that are not reported yet; after a start, those on the disk. */
  private readonly dirty = new Set<string>();
  private readonly backoff = new Map<string, { untilMs: number; delayMs: number }>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;
  private running = false;

  constructor(database: ListingDatabase, deps: ReporterDeps) {
    this.database = database;
    this.deps = deps;
  }

  /** Takes up the marks that a crash left. */
  async start(): Promise<void> {
    this.running = true;
    for await (const key of this.database.db.keys(spaceBounds('m'))) this.dirty.add(key);
    this.schedule();
  }

  async stop(): Promise<void> {
    this.running = false;
    clearTimeout(this.timer);
    await this.flushing;
  }

  /** The counts of a container changed: its account hears of it within about the interval. */
  note(account: string, container: string): void {
    this.dirty.add(dirtyKey(account, container));
    this.schedule();
  }

  /** Tells the accounts now; resolves when they know, or are known not to answer. Never rejects. */
  async reportNow(account: string, container: string): Promise<void> {
    this.dirty.add(dirtyKey(account, container));
    await this.flushing; // it may have read the record before the change; one that begins later has not
    await this.flush();
    this.schedule();
  }

  flush(): Promise<void> {
    this.flushing ??= this.flushOnce()
      .catch((error: unknown) =>
        this.deps.logger.warn({ err: error }, 'accounts could not be told of container counts'),
      )
      .finally(() => {
        this.flushing = undefined;
      });
    return this.flushing;
  }

  private schedule(): void {
    if (!this.running || this.timer !== undefined || this.dirty.size === 0) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.flush().then(() => this.schedule());
    }, this.deps.intervalMs);
    this.timer.unref();
  }

  private async flushOnce(): Promise<void> {
    const keys = [...this.dirty].slice(0, MOST_CONTAINERS_PER_REPORT);
    for (const key of keys) this.dirty.delete(key);
    try {
      const reports = await this.readReports(keys);
      const unsent = new Set(await this.sendAll(reports));
      for (const { account, container } of unsent) this.dirty.add(dirtyKey(account, container));
      await this.clearMarks(reports.filter((report) => !unsent.has(report)));
    } catch (error) {
      for (const key of keys) this.dirty.add(key); // to be told again does no harm
      throw error;
    }
  }

  /** As a change of the database: what it sees is durable when it resolves. */
  private readReports(keys: readonly string[]): Promise<Report[]> {
    return this.database.change((view) =>
      Promise.all(
        keys.map(async (key) => {
          const [account = '', container = ''] = namesOfKey(key);
          const version = this.database.dirtyVersion(account, container);
          const record = await view.container(account, container);
          const row = record && rowOf(container, record);
          return { account, container, version, row, accounts: record?.accounts ?? [] };
        }),
      ),
    );
  }

  /** @returns the reports that some account replica has not taken. */
  private async sendAll(reports: readonly Report[]): Promise<Report[]> {
    const groups = new Map<string, { address: ReplicaAddress; account: string; reports: Report[] }>();
    for (const report of reports) {
      for (const address of report.accounts) {
        const id = `${nameOf(address)}|${address.partition}|${report.account}`;
        const group = groups.get(id) ?? { address, account: report.account, reports: [] };
        group.reports.push(report);
        groups.set(id, group);
      }
    }
    const outcomes = await Promise.all(
      [...groups.values()].map(async (group) => ((await this.send(group)) ? [] : group.reports)),
    );
    return outcomes.flat();
  }

  private async send(group: { address: ReplicaAddress; account: string; reports: Report[] }): Promise<boolean> {
    const { address, account, reports } = group;
    const name = nameOf(address);
    const pause = this.backoff.get(name);
    if (pause !== undefined && pause.untilMs > performance.now()) return false;
    const target = { device: address.device, partition: address.partition, account };
    try {
      const rows = reports.flatMap(({ row }) => row ?? []);
      await within(this.deps.listingStoreAt(address).applyContainerRows(target, rows), this.deps.timeoutMs);
      this.backoff.delete(name);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'AccountNotFound') return true; // it was removed: nobody wants to know
      const delayMs = Math.min((pause?.delayMs ?? FIRST_BACKOFF_MS / 2) * 2, MOST_BACKOFF_MS);
      this.backoff.set(name, { untilMs: performance.now() + delayMs, delayMs });
      this.deps.logger.warn({ err: error, address }, 'an account replica could not be told of container counts');
      return false;
    }
  }

  private async clearMarks(reports: readonly Report[]): Promise<void> {
    if (reports.length === 0) return;
    const cleared = await this.database.clearDirty(reports);
    reports.forEach(({ account, container }, index) => {
      if (!cleared[index]) this.dirty.add(dirtyKey(account, container));
    });
  }
}

function rowOf(name: string, record: ContainerRecord): ContainerRow {
  const { putTimestamp, deletedAt, objectCount, bytesUsed, policyIndex } = record;
  return {
    name,
    putTimestamp,
    deleteTimestamp: isLive(record) ? NEVER : deletedAt,
    objectCount,
    bytesUsed,
    policyIndex,
  };
}

function nameOf({ ip, port, device }: ReplicaAddress): string {
  return `${ip}|${port}|${device}`;
}

async function within(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
