import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../../../common/errors.ts';
import { TimestampSource, ticksOf, timestampFromTicks } from '../../../common/timestamp.ts';
import { xxh64 } from '../../../common/xxh64.ts';
import {
  type ListingReport,
  MOST_WHOLE_BYTES,
  type NewObject,
  type ObjectReading,
  type ObjectStore,
  type ObjectTarget,
} from '../../../object-server/contract.ts';
import type { LocalObjectStore } from '../../../object-server/store.ts';
import type { SeededRandom } from '../../support/simulation/seeded-random.ts';
import { type Found, History, orderOf, type Written } from './history.ts';
import { type Machine, RECLAIM_AGE_S } from './machine.ts';
import type { Plan } from './plan.ts';

const FAILURES = new Set(['InsufficientStorage', 'DeviceUnavailable', 'DeviceBusy']);

/** What was known of an object when a write of it began. */
interface Before {
  certain: boolean;
  known: Written[];
  newest: string | undefined;
  base: Written | undefined;
}

/** Clients that write and read at random, and the memory of what they were told. */
export class Workload {
  /** By `device/name`. */
  readonly histories = new Map<string, History>();
  /** Bits have been lost. */
  damaged = false;
  /** The disk may be full: writes may be refused. */
  spaceIsShort: boolean;
  private readonly machine: Machine;
  private readonly plan: Plan;
  private readonly random: SeededRandom;
  private readonly timestamps: TimestampSource;
  private moment = 0;
  private lastMark = 0;

  constructor(machine: Machine, plan: Plan, random: SeededRandom) {
    this.machine = machine;
    this.plan = plan;
    this.spaceIsShort = plan.capacityBytes !== undefined;
    this.random = random;
    this.timestamps = new TimestampSource(machine.time);
    for (const device of machine.devices)
      for (let index = 0; index < plan.names; index += 1)
        this.histories.set(`${device}/o${index}`, new History(`${device}/o${index}`));
  }

  /** Runs a number of operations, some at a time. */
  async work(operations: number): Promise<void> {
    let left = operations;
    const client = async () => {
      while (left > 0) {
        left -= 1;
        await this.operation();
        this.machine.time.pass(this.random.below(100) / 100);
      }
    };
    await Promise.all(Array.from({ length: this.plan.clients }, client));
  }

  /** Reads everything; after a recovery what was in doubt is settled by it. Nobody else may be at work. */
  async audit(): Promise<void> {
    for (const history of this.histories.values()) {
      const known = history.known();
      const found = await this.find(this.anyStore(), history);
      if (found === undefined) continue; // damaged
      this.check(history, found, known);
      history.settle(found);
    }
  }

  /** What is listed is what is there. */
  async auditListings(): Promise<void> {
    for (const history of this.histories.values()) {
      const { device, object } = this.targetOf(history);
      if (this.machine.listings.wasForgotten(device, object)) continue;
      const found = await this.find(this.anyStore(), history);
      const row = this.machine.listings.rowOf(device, object);
      const { state } = found ?? {};
      const expected = state && {
        dataTimestamp: state.dataTimestamp,
        contentTypeTimestamp: state.contentTypeTimestamp,
        metadataTimestamp: state.metadataTimestamp,
        etag: state.etag,
        sizeBytes: state.sizeBytes,
        contentType: state.contentType,
      };
      if (!isDeepStrictEqual(row, expected)) history.fail(`the listing says ${JSON.stringify(row)}`, found);
    }
  }

  /** The power has gone: nobody will hear any more what becomes of what was under way. */
  crash(): void {
    for (const history of this.histories.values()) history.crash();
  }

  /** Removes every object there is. */
  async removeAll(): Promise<void> {
    for (const history of this.histories.values()) await this.remove(history, this.timestamps.next());
  }

  async putAll(): Promise<void> {
    for (const history of this.histories.values()) await this.put(history, this.timestamps.next(), false);
  }

  private async operation(): Promise<void> {
    const history = this.random.pick([...this.histories.values()]);
    const drawn = this.random.below(96 + this.plan.housekeepPercent);
    if (drawn < 38) return this.put(history, this.timestamps.next(), false);
    if (drawn < 46) return this.put(history, this.timestamps.next(), true);
    if (drawn < 50) return this.put(history, this.olderTimestamp(history), false);
    if (drawn < 62) return this.remove(history, this.timestamps.next());
    if (drawn < 64) return this.remove(history, this.olderTimestamp(history));
    if (drawn < 75) return this.post(history, this.timestamps.next());
    if (drawn < 90) return this.read(history);
    const [keeper] = this.machine.stores as [LocalObjectStore];
    if (drawn < 94) return this.unlessFaulty(keeper.checkpoint());
    if (drawn < 94 + this.plan.housekeepPercent) return this.unlessFaulty(keeper.housekeep());
    return this.unlessFaulty(keeper.sendUpdates());
  }

  private async put(history: History, timestamp: string, onlyIfAbsent: boolean): Promise<void> {
    const sizeBytes = this.bodyBytes();
    const body = this.random.bytes(sizeBytes);
    const contentType = `type/${this.random.below(3)}`;
    const etag = createHash('md5').update(body).digest('hex');
    const mark = this.newMark();
    await this.write(
      history,
      { kind: 'data', timestamp, mark, contentType, etag, body, onlyIfAbsent },
      async (store) => {
        const version: NewObject = {
          timestamp,
          contentType,
          fixedMetadata: { 'x-object-sysmeta-mark': mark },
          metadata: { 'x-object-meta-mark': mark },
          onlyIfAbsent,
          listing: this.listingOf(history),
          ...(this.random.chance(0.5) ? { sizeBytes } : {}),
        };
        const target = this.targetOf(history);
        if (sizeBytes <= MOST_WHOLE_BYTES && this.random.chance(0.7))
          return store.put(target, version, { bytes: body, etag, checksum: xxh64(body) });
        const upload = await store.create(target, version);
        try {
          for (let start = 0; start < sizeBytes; start += 40_000)
            await upload.write(body.subarray(start, start + 40_000));
          await upload.commit({ etag, sizeBytes });
        } catch (error) {
          await upload.abort();
          throw error;
        }
      },
    );
  }

  private async remove(history: History, timestamp: string): Promise<void> {
    const tombstone = { contentType: undefined, etag: '', body: undefined, onlyIfAbsent: false, mark: this.newMark() };
    await this.write(history, { kind: 'tombstone', timestamp, ...tombstone }, (store) =>
      store.remove(this.targetOf(history), { timestamp, listing: this.listingOf(history) }),
    );
  }

  private async post(history: History, timestamp: string): Promise<void> {
    const contentType = this.random.chance(0.3) ? `type/${this.random.below(3)}` : undefined;
    const mark = this.newMark();
    const change = { kind: 'metadata', timestamp, mark, contentType, etag: '', body: undefined } as const;
    await this.write(history, { ...change, onlyIfAbsent: false }, (store) =>
      store.setMetadata(this.targetOf(history), {
        timestamp,
        metadata: { 'x-object-meta-mark': mark },
        ...(contentType === undefined ? {} : { contentType }),
        listing: this.listingOf(history),
      }),
    );
  }

  private async read(history: History): Promise<void> {
    const store = this.anyStore();
    const known = history.known();
    const now = store.openNow?.(this.targetOf(history));
    if (now) {
      const body = now.bodyNow?.();
      const found = foundOf(now, body === undefined ? undefined : Buffer.from(body));
      this.check(history, found, known);
      await now.close();
    }
    const found = await this.find(store, history);
    if (found) this.check(history, found, known);
  }

  private check(history: History, found: Found, known: readonly Written[]): void {
    const reclaimedAtMs = this.machine.time.nowMs() - RECLAIM_AGE_S * 1000;
    const reclaimedBefore = timestampFromTicks(Math.ceil(reclaimedAtMs * 100));
    history.check(found, known, this.damaged, reclaimedBefore);
  }

  /** @returns undefined where the disk, or what is on it, is in the way. */
  private async find(store: ObjectStore, history: History): Promise<Found | undefined> {
    try {
      const reading = await store.open(this.targetOf(history));
      try {
        return foundOf(reading, await bodyOf(reading));
      } finally {
        await reading.close();
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === 'ObjectNotFound') {
        const timestamp = error.details['timestamp'];
        return { base: typeof timestamp === 'string' ? { kind: 'tombstone', timestamp } : undefined };
      }
      if (error.code === 'CorruptObject' && this.damaged) return undefined;
      if (FAILURES.has(error.code) && this.machine.faultsOn) return undefined;
      throw error;
    }
  }

  private async write(
    history: History,
    intent: Omit<Written, 'state' | 'seen' | 'beganAt' | 'endedAt'>,
    act: (store: ObjectStore) => Promise<unknown>,
  ): Promise<void> {
    const known = history.known();
    const before: Before = {
      certain: history.isCertain,
      known,
      newest: history.newestTimestamp(),
      base: history.base(),
    };
    const written: Written = {
      ...intent,
      state: 'flying',
      seen: false,
      beganAt: this.tick(),
      endedAt: Number.POSITIVE_INFINITY,
    };
    const takenBack: Written = { ...written, kind: 'tombstone', etag: '', body: undefined, onlyIfAbsent: false };
    if (intent.kind !== 'data') takenBack.state = 'never';
    history.add(written);
    history.add(takenBack);
    let refusal: ApiError | undefined;
    try {
      await act(this.anyStore());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      refusal = error;
    }
    written.endedAt = this.tick();
    takenBack.endedAt = written.endedAt;
    if (refusal === undefined) {
      written.state = 'known';
      takenBack.state = 'never';
      if (!this.damaged) this.judgeDone(history, written, before);
    } else this.judgeRefused(history, written, takenBack, before, refusal);
  }

  private judgeDone(history: History, written: Written, before: Before): void {
    const { timestamp, kind, onlyIfAbsent } = written;
    const floor = floorOf(kind, before);
    if (floor !== undefined && floor > timestamp) history.fail(`${timestamp} was taken, and is older`);
    if (onlyIfAbsent && this.surelyThere(history, written, before))
      history.fail(`${timestamp} was taken, and something was there`);
    if (kind === 'metadata' && this.isQuiet(history, written, before) && before.base?.kind !== 'data')
      history.fail(`${timestamp} has set metadata of nothing`);
  }

  /** Something lives, whatever order those at work are thought in. */
  private surelyThere(history: History, written: Written, before: Before): boolean {
    const possible = history.possible();
    const isRemoved = (data: Written) =>
      possible.some(({ kind, ...each }) => kind === 'tombstone' && orderOf({ kind, ...each }) > orderOf(data));
    return possible.some((other) => {
      if (other === written || other.kind !== 'data' || other.state !== 'known' || isRemoved(other)) return false;
      // Both may have won where a deletion came between the two.
      const wasRoomMade = possible.some(
        ({ kind, ...each }) =>
          kind === 'tombstone' &&
          orderOf({ kind, ...each }) > orderOf(written) &&
          orderOf({ kind, ...each }) < orderOf(other),
      );
      const racedAndWon = other.onlyIfAbsent && other.endedAt < Number.POSITIVE_INFINITY && !wasRoomMade;
      return before.known.includes(other) || racedAndWon;
    });
  }

  private judgeRefused(
    history: History,
    written: Written,
    takenBack: Written,
    before: Before,
    { code }: ApiError,
  ): void {
    const settle = (state: Written['state']) => {
      if (written.state === 'flying') written.state = state;
      if (takenBack.state === 'flying') takenBack.state = state;
    };
    const quiet = this.isQuiet(history, written, before) && !this.damaged;
    const { timestamp, kind, onlyIfAbsent } = written;
    const complain = (): never => history.fail(`${kind} ${timestamp} was refused: ${code}`);
    if (FAILURES.has(code)) {
      settle('doubtful');
      if (!this.mayFail()) complain();
    } else if (code === 'ContainerNotFound') {
      if (kind !== 'data') complain();
      settle('known');
    } else if (code === 'OlderVersion') {
      settle('never');
      const later = history.possible().some((other) => other.timestamp >= timestamp);
      if (!later || (quiet && (floorOf(kind, before) ?? '') < timestamp)) complain();
    } else if (code === 'ObjectExists') {
      settle('never');
      if (!onlyIfAbsent || (quiet && before.base?.kind !== 'data')) complain();
    } else if (code === 'ObjectNotFound') {
      // Metadata that was written in the very moment of a deletion waits for data that may still come.
      settle(quiet ? 'never' : 'doubtful');
      if (kind !== 'metadata' || (quiet && before.base?.kind === 'data')) complain();
    } else if (code === 'CorruptObject' && this.damaged) settle('doubtful');
    else complain();
  }

  /** Nobody else wrote this object meanwhile, and what was there was certain. */
  private isQuiet(history: History, written: Written, before: Before): boolean {
    const overlaps = (other: Written) =>
      other.timestamp !== written.timestamp && other.endedAt > written.beganAt && other.beganAt < written.endedAt;
    return before.certain && !history.possible().some(overlaps);
  }

  private mayFail(): boolean {
    return this.machine.faultsOn || this.spaceIsShort || this.damaged;
  }

  /** Housekeeping, which may fail for want of space or by faults: it goes on another time. */
  async unlessFaulty(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.mayFail()) throw error;
    }
  }

  private bodyBytes(): number {
    if (this.random.below(100) < this.plan.largePercent) return MOST_WHOLE_BYTES - 2 + this.random.below(80_000);
    const drawn = this.random.below(100);
    if (drawn < 10) return this.random.below(3);
    if (drawn < 85) return this.random.below(3000);
    if (drawn < 98) return this.random.below(20_000);
    return MOST_WHOLE_BYTES - 2 + this.random.below(5);
  }

  /** A time that is somewhat past, and nobody's. */
  private olderTimestamp(history: History): string {
    const now = ticksOf(this.timestamps.next());
    for (let back = 1 + this.random.below(300); ; back += 1) {
      const timestamp = timestampFromTicks(now - back);
      if (!history.all().some((each) => each.timestamp === timestamp)) return timestamp;
    }
  }

  private anyStore(): LocalObjectStore {
    return this.random.pick(this.machine.stores);
  }

  /** Each device's objects have a container of their own. */
  private listingOf(history: History): ListingReport {
    return { ip: '127.0.0.1', port: 6201, device: this.targetOf(history).device, partition: 5 };
  }

  private targetOf(history: History): ObjectTarget {
    const [device = '', object = ''] = history.name.split('/');
    return { device, partition: 7, account: 'AUTH_a', container: 'c', object, policyIndex: 0 };
  }

  private newMark(): string {
    this.lastMark += 1;
    return String(this.lastMark);
  }

  private tick(): number {
    this.moment += 1;
    return this.moment;
  }
}

function foundOf({ state }: ObjectReading, body: Buffer | undefined): Found {
  return { base: { kind: 'data', timestamp: state.dataTimestamp }, state, body };
}

async function bodyOf(reading: ObjectReading): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of reading.body(0, reading.state.sizeBytes)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What a write of this kind must be later than. Metadata that was posted later is not in the way of data. */
function floorOf(kind: Written['kind'], { base, newest }: Before): string | undefined {
  return kind === 'data' ? base?.timestamp : newest;
}
