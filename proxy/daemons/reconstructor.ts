import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../common/log.ts';
import { RecentMap } from '../../common/recent-map.ts';
import { secondsOf, type Timestamp } from '../../common/timestamp.ts';
import type { Device, Ring } from '../../ring/contract.ts';
import { loadWalk, saveWalk, walkNotes } from '../actions/note-reconstruction.ts';
import type { ObjectName } from '../actions/read-object.ts';
import type { Cluster } from '../backend/cluster.ts';
import type { ErasureCodec } from '../erasure/codec.ts';
import { fragmentUse, usedByFirst } from '../erasure/fragment-use.ts';
import {
  FRAGMENT_POLICIES,
  type FragmentAnswer,
  fragmentAt,
  parseFragmentName,
  removeFragments,
} from '../erasure/fragments.ts';
import { pieceCount } from '../erasure/layout.ts';
import { makeFragments } from '../erasure/make-fragments.ts';
import { concurrently } from '../features/concurrently.ts';
import {
  FRAGMENTS_PER_PAGE,
  LEFT_OVER_SETTLING_TIMEOUTS,
  MOST_LEFT_OVER_CANDIDATES,
  RECONSTRUCTOR_CONCURRENCY,
} from '../limits.ts';
import type { Duty } from './duty.ts';
import { Rounds } from './rounds.ts';

export interface ReconstructorDeps {
  cluster: Cluster;
  codec: ErasureCodec;
  duty: Duty;
  logger: Logger;
  /** From the end of one round to the next, ms. */
  intervalMs: number;
  /** Fragments that it looks at, per second, at most. */
  fragmentsPerSecond: number;
  /** Left-over fragments that are younger stay, seconds. */
  reclaimAgeSeconds: number;
}

/** What one round has done, fragments. */
export interface ReconstructorRound {
  looked: number;
  /** Lost, and made again. */
  mended: number;
  /** Left over by overwritten and removed bodies, or uploads that failed, and removed: bodies. */
  swept: number;
  /** Tried again in the next round. */
  failed: number;
}

/** A fragment that a device has. */
interface Found {
  device: Device;
  ring: Ring;
  partition: number;
  name: ObjectName;
  id: Timestamp;
  index: number;
}

/**
 * Makes lost fragments of erasure coded bodies again before somebody reads them, and removes those that nothing points to.
 *
 * It walks through what each device has, page by page; where it was is kept, so a restart goes on there. Each device is one node's
 * (`duty.ts`). Of all fragments of a body the one with the least index that is in its place is looked at for all of them.
 */
export class Reconstructor {
  private readonly deps: ReconstructorDeps;
  private readonly rounds: Rounds;
  /** By body: when it was first seen that nothing points to it. */
  private readonly leftOver = new RecentMap<number>(MOST_LEFT_OVER_CANDIDATES);

  constructor(deps: ReconstructorDeps) {
    this.deps = deps;
    this.rounds = new Rounds(deps.intervalMs, () => this.round());
  }

  start(): void {
    this.rounds.start();
  }

  /** Resolves when nothing is under way any more: a body that is being mended is left at its next segment. */
  async stop(): Promise<void> {
    this.rounds.stop();
    await this.rounds.ended();
  }

  /** Walks through all devices that fall to this node. Never rejects. */
  async round(): Promise<ReconstructorRound> {
    const { cluster, duty, logger } = this.deps;
    const done: ReconstructorRound = { looked: 0, mended: 0, swept: 0, failed: 0 };
    for (const policy of cluster.policies.all) {
      if (!policy.coding) continue;
      for (const device of cluster.rings.object(policy.index).devices) {
        if (this.rounds.isStopped) break;
        if (!device) continue;
        const { account, container } = walkNotes(policy.index, device.id);
        if (!(await duty.isOurs(account, container))) continue;
        try {
          await this.walk(policy.index, device, done);
        } catch (error) {
          done.failed += 1;
          logger.warn(
            { err: error, device: device.device, ip: device.ip },
            'the fragments of a device cannot be listed',
          );
        }
      }
    }
    const level = done.mended + done.swept + done.failed > 0 ? 'info' : 'debug';
    logger[level](done, 'fragments were looked after');
    return done;
  }

  private get nowMs(): number {
    return this.deps.cluster.clock.nowMs();
  }

  private async walk(policyIndex: number, device: Device, done: ReconstructorRound): Promise<void> {
    const { cluster, fragmentsPerSecond } = this.deps;
    const notes = walkNotes(policyIndex, device.id);
    const store = cluster.objectStoreAt(device);
    const limit = Math.max(1, Math.min(FRAGMENTS_PER_PAGE, Math.floor(fragmentsPerSecond)));
    const saved = await loadWalk(cluster, notes);
    let after = saved;
    do {
      const startedMs = this.nowMs;
      const page = await store.listObjects(device.device, {
        policyIndex: FRAGMENT_POLICIES + policyIndex,
        after,
        limit,
      });
      const ring = cluster.rings.object(policyIndex);
      await concurrently(page.objects, RECONSTRUCTOR_CONCURRENCY, async ({ account, container, object }) => {
        const parsed = parseFragmentName(object);
        if (!parsed || this.rounds.isStopped) return;
        const name = { account, container, object: parsed.object, policyIndex };
        const partition = ring.partitionOf(account, container, parsed.object);
        await this.lookAt({ device, ring, partition, name, id: parsed.id, index: parsed.index }, done);
      });
      if (this.rounds.isStopped) return;
      after = page.after;
      // A device with one page keeps no note of where its walk is.
      if (after !== undefined || saved !== undefined) await saveWalk(cluster, notes, after);
      const restMs = (page.objects.length * 1000) / fragmentsPerSecond - (this.nowMs - startedMs);
      if (restMs > 0) await sleep(restMs);
    } while (after !== undefined && !this.rounds.isStopped);
  }

  /** Never rejects. */
  private async lookAt(found: Found, done: ReconstructorRound): Promise<void> {
    done.looked += 1;
    try {
      if (await this.isAnothers(found)) return;
      await this.lookAfter(found, done);
    } catch (error) {
      done.failed += 1;
      const { name, id } = found;
      this.deps.logger.warn(
        { err: error, ...name, fragments: id },
        'the fragments of a body could not be looked after',
      );
    }
  }

  /** Whether a lesser fragment of the body, or the same one, is where it belongs: then the walk through that device sees to all. */
  private async isAnothers({ device, ring, partition, name, id, index }: Found): Promise<boolean> {
    const { cluster } = this.deps;
    const primaries = ring.primaries(partition);
    for (let each = 0; each <= index; each += 1) {
      const primary = primaries[each];
      if (!primary || (each === index && primary.id === device.id)) continue;
      if ((await fragmentAt(cluster, name, { id, index: each, device: primary, partition })) === 'there') return true;
    }
    return false;
  }

  private async lookAfter(found: Found, done: ReconstructorRound): Promise<void> {
    const { cluster, codec } = this.deps;
    const { name, id } = found;
    const first = await usedByFirst(cluster, name, id);
    // A device that has missed the removal of the object points to fragments that others have removed.
    if (first && !(await this.answersOf(found, pieceCount(first.body))).some(isAbsent)) return;
    const use = await fragmentUse(cluster, name, id);
    if (use === 'unknown') return;
    if (!use.isUsed) return this.sweep(found, done);
    this.leftOver.delete(keyOf(found));
    const answers = await this.answersOf(found, pieceCount(use.body));
    // Not those of devices that do not answer: they may have them.
    const indexes = answers.flatMap((answer, index) => (answer === 'lost' ? [index] : []));
    if (indexes.length === 0) return;
    const lost = { name, body: use.body, etag: use.etag, indexes };
    const mended = await makeFragments(cluster, codec, lost, () => this.rounds.isStopped);
    done.mended += mended;
  }

  /** What the devices of all fragments of a body say. */
  private async answersOf({ ring, partition, name, id }: Found, count: number): Promise<FragmentAnswer[]> {
    const { cluster } = this.deps;
    const primaries = ring.primaries(partition).slice(0, count);
    return Promise.all(primaries.map((device, index) => fragmentAt(cluster, name, { id, index, device, partition })));
  }

  /**
   * Removes all fragments of a body that nothing points to: when they are old, and when it was seen before that nothing does, so long ago
   * that a write that was about to point to them then has ended.
   */
  private async sweep(found: Found, done: ReconstructorRound): Promise<void> {
    const { cluster, reclaimAgeSeconds } = this.deps;
    const { name, id, device, ring, partition } = found;
    const key = keyOf(found);
    const seenMs = this.leftOver.get(key) ?? this.nowMs;
    this.leftOver.set(key, seenMs);
    if (this.nowMs - seenMs < LEFT_OVER_SETTLING_TIMEOUTS * cluster.nodeTimeoutMs) return;
    if (secondsOf(id) + reclaimAgeSeconds > this.nowMs / 1000) return;
    const count = ring.primaries(partition).length;
    await removeFragments(cluster, name, { id, count, also: device });
    this.leftOver.delete(key);
    done.swept += 1;
  }
}

function isAbsent(answer: FragmentAnswer): boolean {
  return answer === 'lost' || answer === 'removed';
}

function keyOf({ name: { policyIndex, account, container, object }, id }: Found): string {
  return `${policyIndex}/${id}/${account}/${container}/${object}`;
}
