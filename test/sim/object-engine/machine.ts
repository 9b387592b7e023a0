import { createLogger } from '../../../common/log.ts';
import type { Pieces } from '../../../common/memory/piece-pool.ts';
import type { ObjectRow, ObjectUpdate, UpdateOutcome } from '../../../container-server/contract.ts';
import { BODY_BLOCK_BYTES } from '../../../object-server/contract.ts';
import type { VersionIndex } from '../../../object-server/index/contract.ts';
import { type LocalObjectStore, openObjectStore } from '../../../object-server/store.ts';
import type { ListingAnswer, ListingUpdates, Taken } from '../../../object-server/updates/contract.ts';
import { type DiskOperation, FakeDisk } from '../../support/object-server/fake-disk.ts';
import { MemoryIndexStore } from '../../support/object-server/memory-index.ts';
import { ShareSupply } from '../../support/object-server/share-supply.ts';
import { OBJECT_CONFIG } from '../../support/object-store.ts';
import { Scheduler } from '../../support/simulation/scheduler.ts';
import type { SeededRandom } from '../../support/simulation/seeded-random.ts';
import { VirtualTime } from '../../support/simulation/virtual-time.ts';
import { SimListings } from './listings.ts';
import type { Plan } from './plan.ts';

const START_MS = 1_700_000_000_000;
export const RECLAIM_AGE_S = 60;
/** Of a row that is slow to be written. */
const MOST_SLOW_TURNS = 500;
const logger = createLogger('silent');
const shareSupply = new ShareSupply();

/** Of a run that the power cut has ended. */
export class PowerCut extends Error {}

/**
 * One node: its disk, its indexes and what container replicas have listed survive, as far as they promised; its threads, each with a
 * store over the same devices, do not.
 */
export class Machine {
  readonly time = new VirtualTime(START_MS);
  readonly scheduler: Scheduler;
  readonly listings: SimListings;
  readonly devices: readonly string[];
  disk: FakeDisk;
  /** By lane; the first keeps house. */
  stores: LocalObjectStore[] = [];
  /** Sends that nobody answers before the bound is over, and containers that are gone: off while the end is checked. */
  listingsFail = true;
  faultsOn = false;
  /** From here on housekeeping is called, for much time passes. */
  isEnding = false;
  /** The power goes after this many steps. */
  cutAtStep = Number.POSITIVE_INFINITY;
  private readonly indexes = new Map<string, MemoryIndexStore>();
  private readonly plan: Plan;
  private readonly random: SeededRandom;
  /** Those that a power cut takes are not missed by the lives after it. */
  private readonly pieces: Pieces = { take: () => new Uint8Array(2 * BODY_BLOCK_BYTES), give: () => undefined };
  private sending: { device: string; row: ObjectRow }[] = [];

  constructor(plan: Plan, random: SeededRandom) {
    this.plan = plan;
    this.random = random;
    this.scheduler = new Scheduler(random);
    this.listings = new SimListings(random);
    this.devices = Array.from({ length: plan.devices }, (_, index) => `d${index + 1}`);
    for (const name of this.devices) this.indexes.set(name, new MemoryIndexStore());
    this.disk = new FakeDisk({
      random,
      turn: ({ kind, path }) => this.scheduler.turn(`${kind} ${path}`),
      fault: (operation) => this.faultOf(operation),
      ...(plan.capacityBytes === undefined ? {} : { capacityBytes: plan.capacityBytes }),
    });
  }

  /** Makes the devices' folders: a new node. */
  async install(): Promise<void> {
    for (const name of this.devices) await this.run(this.disk.makeFolder(`/${name}`));
  }

  /** Opens the threads' stores: the housekeeper recovers the devices before the others come. */
  async start(): Promise<void> {
    const devices = this.devices.map((name) => ({
      name,
      path: `/${name}`,
      share: shareSupply.fresh(name).buffer as SharedArrayBuffer,
    }));
    this.stores = [];
    for (let lane = 0; lane < this.plan.lanes; lane += 1) {
      const store = openObjectStore({
        devices,
        lane,
        housekeeping: lane === 0,
        timers: this.plan.timers && !this.isEnding,
        segmentBytes: this.plan.segmentBytes,
        clock: this.time,
        logger,
        config: {
          ...OBJECT_CONFIG,
          reserve_percent: this.plan.reservePercent,
          reclaim_age_s: RECLAIM_AGE_S,
          compact_percent: this.plan.compactPercent,
        },
        updates: this.updates(),
        listingStoreAt: () => ({ applyObjectUpdates: (updates) => this.applyPending(updates) }),
        disk: this.disk,
        openIndex: async (folder: string) => this.openIndex(folder),
        large: { pool: this.pieces, elapsedMs: () => 0 },
      });
      this.stores.push(store);
      await this.run(store.start());
    }
  }

  /** SIGTERM: the housekeeper stops last. */
  async stop(): Promise<void> {
    for (const store of [...this.stores].reverse()) await this.run(store.stop());
    this.time.forgetTimers();
  }

  /** The power goes. */
  crash(): void {
    for (const { device, row } of this.sending) this.listings.maybeTake(device, row);
    this.sending = [];
    this.stores = [];
    this.scheduler.forgetAll();
    this.time.forgetTimers();
    this.disk = this.disk.crash();
    const share = this.random.pick([0, 1, 0.5, 0.9]);
    for (const index of this.indexes.values()) index.crash(() => this.random.chance(share));
    this.cutAtStep = Number.POSITIVE_INFINITY;
  }

  /** While it is off, a few bits change on the medium. */
  loseBits(): void {
    for (let count = 1 + this.random.below(3); count > 0; count -= 1) {
      // Without its layout a device is not used at all: that is tested elsewhere.
      const path = this.random.pick(this.disk.files().filter((name) => !name.endsWith('/layout')));
      const sizeBytes = path === undefined ? 0 : this.disk.bytesOf(path).length;
      if (path !== undefined && sizeBytes > 0) this.disk.flip(path, this.random.below(sizeBytes), this.random.below(8));
    }
  }

  /** Lets everything happen that is under way until this is done. @throws PowerCut. */
  async run<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    const isCut = () => this.scheduler.steps >= this.cutAtStep;
    await this.scheduler.runUntil(
      () => ended || isCut(),
      () => this.time.passToNext(),
    );
    if (!ended) throw new PowerCut();
    return work;
  }

  private openIndex(folder: string): VersionIndex {
    const device = folder.split('/')[1] ?? '';
    const index = (this.indexes.get(device) as MemoryIndexStore).open();
    const turn = (label: string) => this.scheduler.turn(`index ${label} ${device}`);
    return new Proxy(index, {
      get: (target, name: string & keyof VersionIndex) => {
        const member: unknown = target[name];
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]): Promise<unknown> => {
          await turn(name);
          const result: unknown = await member.apply(target, args);
          await turn(`${name} done`);
          return result;
        };
      },
    });
  }

  private updates(): ListingUpdates {
    return {
      send: async (_listing, { device }, row) => {
        const sent = { device, row };
        this.sending.push(sent);
        await this.scheduler.turn(`listing ${device}`);
        const answer = this.answerTo(device, row);
        await this.scheduler.turn(`listing answered ${device}`);
        this.sending = this.sending.filter((each) => each !== sent);
        return answer;
      },
      stop: async () => undefined,
    };
  }

  /** What is sent again, from what was noted as pending. */
  private async applyPending(updates: readonly ObjectUpdate[]): Promise<UpdateOutcome[]> {
    await this.scheduler.turn('pending updates');
    const outcomes = updates.map(({ row, replicas }) =>
      replicas.map(({ device }) => {
        if (this.listingsFail && this.random.below(100) < this.plan.latePercent) return 'failed' as const;
        this.listings.take(device, row);
        return 'listed' as const;
      }),
    );
    await this.scheduler.turn('pending updates answered');
    return outcomes;
  }

  private answerTo(device: string, row: ObjectRow): ListingAnswer {
    const drawn = this.listingsFail ? this.random.below(100) : 99;
    if (drawn < this.plan.gonePercent) {
      this.listings.forget(device, row.name);
      return 'gone';
    }
    if (drawn < this.plan.gonePercent + this.plan.latePercent) {
      this.listings.maybeTake(device, row);
      return 'late';
    }
    if (this.listingsFail && this.random.below(100) < this.plan.takenPercent) return this.taken(device, row);
    this.listings.take(device, row);
    return 'listed';
  }

  /** Durable in a while, or nobody knows; a power cut may come first. */
  private taken(device: string, row: ObjectRow): Taken {
    const sent = { device, row };
    this.sending.push(sent);
    const thens: ((durable: boolean) => void)[] = [];
    const isSlow = this.random.below(100) < this.plan.slowPercent;
    void this.turns(`listing written ${device}`, isSlow ? 1 + this.random.below(MOST_SLOW_TURNS) : 1).then(() => {
      this.sending = this.sending.filter((each) => each !== sent);
      const isWritten = this.random.below(100) >= this.plan.latePercent;
      if (isWritten) this.listings.take(device, row);
      else this.listings.maybeTake(device, row);
      for (const then of thens) then(isWritten);
    });
    return { whenWritten: (then) => void thens.push(then) };
  }

  /** They go away again: what could not be read for a while is as good as it was. */
  private async turns(label: string, count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) await this.scheduler.turn(label);
  }

  private faultOf({ readOnly }: DiskOperation): string | undefined {
    if (!this.faultsOn) return undefined;
    if (!this.random.chance(this.plan.faultChance)) return undefined;
    return readOnly ? 'EIO' : this.random.pick(['EIO', 'EIO', 'ENOSPC']);
  }
}
