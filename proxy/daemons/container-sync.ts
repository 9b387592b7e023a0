import type { Logger } from '../../common/log.ts';
import { RecentMap } from '../../common/recent-map.ts';
import { secondsOf, type Timestamp } from '../../common/timestamp.ts';
import type { NamedTimestamp } from '../actions/note-rows.ts';
import {
  forgetChange,
  noteChange,
  notesOf,
  objectsToSync,
  type SyncedContainer,
  type SyncWalk,
  saveWalk,
  syncedContainers,
  syncNotes,
} from '../actions/note-sync.ts';
import { findNewest } from '../actions/remove-expired.ts';
import type { Cluster } from '../backend/cluster.ts';
import type { KnownContainers } from '../backend/known-containers.ts';
import { concurrently } from '../features/concurrently.ts';
import { VERSIONS_CONTAINER } from '../features/versions-settings.ts';
import {
  MOST_REMEMBERED_PUSHES,
  MOST_SYNC_BACKOFF_MS,
  MOST_SYNC_BACKOFFS,
  SYNC_CONCURRENCY,
  SYNC_CONTAINERS_PER_PAGE,
  SYNC_NOTE_GRACE_SECONDS,
  SYNC_ROWS_PER_PAGE,
} from '../limits.ts';
import type { Handler } from '../message.ts';
import type { Services } from '../routes/route.ts';
import type { SyncPeer } from '../sync/peer.ts';
import { PeerDown, type PushTarget, pushDelete, pushObject } from '../sync/push.ts';
import { resolveSyncTo } from '../sync/realms.ts';
import type { Duty } from './duty.ts';
import { Rounds } from './rounds.ts';

export interface ContainerSyncerDeps {
  cluster: Cluster;
  containers: Pick<KnownContainers, 'find'>;
  duty: Duty;
  config: Services['config'];
  syncRealms: Services['syncRealms'];
  /** Objects as they are kept, but plain. */
  objects: Handler;
  peer: SyncPeer;
  logger: Logger;
  /** From the end of one round to the next, ms. */
  intervalMs: number;
  /** What one container may take of a round, ms. */
  sliceMs: number;
}

/** What one round has done, objects. */
export interface SyncRound {
  pushed: number;
  /** The other side had them already. */
  known: number;
  /** Tried again in a later round. */
  failed: number;
}

/** One container in one round. */
interface Turn {
  path: SyncedContainer;
  policyIndex: number;
  target: PushTarget;
  /** As the container says it. */
  to: string;
  untilMs: number;
  done: SyncRound;
}

/**
 * Tells other clusters of what has changed in containers with `X-Container-Sync-To`: what was noted, and, when a container begins to be
 * synchronized, all that is in it.
 *
 * Each container is one node's (`duty.ts`). A side that fails is left alone for longer and longer.
 */
export class ContainerSyncer {
  private readonly deps: ContainerSyncerDeps;
  /** By path: the newest version that the other side is known to have. */
  private readonly pushed = new RecentMap<Timestamp>(MOST_REMEMBERED_PUSHES);
  private readonly backoffs = new RecentMap<{ untilMs: number; lastMs: number }>(MOST_SYNC_BACKOFFS);
  private readonly rounds: Rounds;

  constructor(deps: ContainerSyncerDeps) {
    this.deps = deps;
    this.rounds = new Rounds(deps.intervalMs, () => this.round());
  }

  start(): void {
    this.rounds.start();
  }

  /** Resolves when nothing is under way any more: what is being sent is broken off, and sent again later. */
  async stop(): Promise<void> {
    this.rounds.stop();
    await this.deps.peer.close();
    await this.rounds.ended();
  }

  /** One turn for each container that has one. Never rejects. */
  async round(): Promise<SyncRound> {
    const { cluster, logger } = this.deps;
    const done: SyncRound = { pushed: 0, known: 0, failed: 0 };
    try {
      for (let marker = ''; ; ) {
        const page = await syncedContainers(cluster, marker, SYNC_CONTAINERS_PER_PAGE);
        for (const { notes, ...path } of page) {
          if (this.rounds.isStopped) return done;
          await this.takeTurn(path, done);
          marker = notes;
        }
        if (page.length < SYNC_CONTAINERS_PER_PAGE) return done;
      }
    } catch (error) {
      logger.warn({ err: error }, 'the notes of synchronized containers could not be read');
      return done;
    } finally {
      if (done.pushed + done.failed > 0) logger.info(done, 'other clusters were told of changes');
    }
  }

  private get nowMs(): number {
    return this.deps.cluster.clock.nowMs();
  }

  private async takeTurn(path: SyncedContainer, done: SyncRound): Promise<void> {
    const key = `${path.account}/${path.container}`;
    const backoff = this.backoffs.get(key);
    if (backoff && this.nowMs < backoff.untilMs) return;
    try {
      const turn = await this.turnOf(path, done);
      if (!turn) return;
      await this.tellNoted(turn);
      await this.walk(turn);
      this.backoffs.delete(key);
    } catch (error) {
      if (this.rounds.isStopped) return;
      const lastMs = Math.min((backoff?.lastMs ?? this.deps.intervalMs / 2) * 2, MOST_SYNC_BACKOFF_MS);
      this.backoffs.set(key, { untilMs: this.nowMs + lastMs, lastMs });
      this.deps.logger.warn({ err: error, container: key, againInMs: lastMs }, 'a container could not be synchronized');
    }
  }

  /** @returns undefined where there is nothing to do, or it is another node's to do. */
  private async turnOf(path: SyncedContainer, done: SyncRound): Promise<Turn | undefined> {
    const { containers, config, syncRealms, logger } = this.deps;
    const notes = notesOf(path);
    if (!(await this.deps.duty.isOurs(notes.account, notes.container))) return undefined;
    const known = await containers.find(path.account, path.container);
    const to = known?.settings['x-container-sync-to'];
    const containerKey = known?.settings['x-container-sync-key'];
    if (!known || !to || !containerKey) return undefined;
    if (known.settings[VERSIONS_CONTAINER]) {
      logger.warn({ ...path }, 'a container with object versioning is not synchronized');
      return undefined;
    }
    const resolved = resolveSyncTo(to, syncRealms(), config.container_sync.allowed_hosts);
    if ('problem' in resolved) {
      logger.warn({ ...path, problem: resolved.problem }, 'a container is synchronized to nowhere');
      return undefined;
    }
    const target = { ...resolved, containerKey };
    const untilMs = this.nowMs + this.deps.sliceMs;
    return { path, policyIndex: known.policyIndex, target, to, untilMs, done };
  }

  private isOver(turn: Turn): boolean {
    return this.rounds.isStopped || this.nowMs >= turn.untilMs;
  }

  private async tellNoted(turn: Turn): Promise<void> {
    for (let marker = ''; !this.isOver(turn); ) {
      const { notes } = await syncNotes(this.deps.cluster, turn.path, marker, SYNC_ROWS_PER_PAGE);
      await concurrently(notes, SYNC_CONCURRENCY, (note) => this.tellOfNote(turn, note));
      if (notes.length < SYNC_ROWS_PER_PAGE) return;
      marker = notes.at(-1)?.name ?? '';
    }
  }

  /**
   * Tells of the object as it is now. The note goes only when the write that it announces is there, or is so old that it will
   * never be: what was told until then was what was before it.
   *
   * @throws PeerDown.
   */
  private async tellOfNote(turn: Turn, note: NamedTimestamp): Promise<void> {
    if (this.isOver(turn)) return;
    const { cluster, logger } = this.deps;
    const name = { ...turn.path, object: note.name, policyIndex: turn.policyIndex };
    try {
      const version = await findNewest(cluster, name);
      const isThere = version !== undefined && version.timestamp >= note.timestamp;
      if (version?.isDeleted) await this.tell(turn, { name: note.name, timestamp: version.timestamp }, true);
      else if (version && !(await this.tell(turn, { name: note.name, timestamp: version.timestamp }, false))) return;
      const ageSeconds = this.nowMs / 1000 - secondsOf(note.timestamp);
      if (isThere || ageSeconds > SYNC_NOTE_GRACE_SECONDS) await forgetChange(cluster, turn.path, note);
    } catch (error) {
      if (error instanceof PeerDown || this.rounds.isStopped) throw error;
      turn.done.failed += 1;
      logger.warn({ err: error, ...turn.path, object: note.name }, 'another cluster could not be told of an object');
    }
  }

  /** @returns whether the other side has this version now; false: it is gone here meanwhile. @throws PeerDown, Error. */
  private async tell(turn: Turn, version: NamedTimestamp, isDeleted: boolean): Promise<boolean> {
    const { account, container } = turn.path;
    const key = `${account}/${container}/${version.name}\0${turn.to}`;
    if ((this.pushed.get(key) ?? '') >= version.timestamp) return true;
    const object = { account, container, object: version.name };
    const outcome = isDeleted
      ? await pushDelete(this.deps.peer, turn.target, object, version.timestamp)
      : await pushObject(this.deps, turn.target, object, version.timestamp);
    if (outcome === 'gone') return false;
    turn.done[outcome] += 1;
    this.pushed.set(key, version.timestamp);
    return true;
  }

  /** Goes on with the walk through all objects, where it is not over. @throws PeerDown, ApiError 503. */
  private async walk(turn: Turn): Promise<void> {
    const { cluster } = this.deps;
    const { walk: saved } = await syncNotes(cluster, turn.path, '', 0);
    const startedMs = this.nowMs;
    const begun: SyncWalk = { to: turn.to, marker: '', startedMs, atMs: startedMs, pass: 1 };
    let walk = saved?.to === turn.to ? saved : begun;
    if (walk.pass === 3) return;
    if (walk.pass === 2 && walk.marker === '' && this.nowMs - walk.startedMs < SYNC_NOTE_GRACE_SECONDS * 1000) return;
    while (walk.pass !== 3 && !this.isOver(turn)) {
      const { pass, marker } = walk;
      const page = await objectsToSync(cluster, turn.path, marker, SYNC_ROWS_PER_PAGE);
      const sinceSeconds = walk.startedMs / 1000 - SYNC_NOTE_GRACE_SECONDS;
      const wanted = pass === 1 ? page : page.filter(({ timestamp }) => secondsOf(timestamp) >= sinceSeconds);
      await concurrently(wanted, SYNC_CONCURRENCY, (row) => this.tellOfRow(turn, row));
      if (this.rounds.isStopped) return;
      const isEnd = page.length < SYNC_ROWS_PER_PAGE;
      walk = {
        ...walk,
        marker: isEnd ? '' : (page.at(-1)?.name ?? ''),
        atMs: this.nowMs,
        pass: isEnd ? after(pass) : pass,
      };
      await saveWalk(cluster, turn.path, walk);
      if (isEnd) return;
    }
  }

  /** An object that cannot be told of is noted, and the walk goes on. @throws PeerDown. */
  private async tellOfRow(turn: Turn, row: NamedTimestamp): Promise<void> {
    if (this.rounds.isStopped) return;
    try {
      await this.tell(turn, row, false);
    } catch (error) {
      if (error instanceof PeerDown || this.rounds.isStopped) throw error;
      turn.done.failed += 1;
      this.deps.logger.warn({ err: error, ...turn.path, object: row.name }, 'an object could not be synchronized');
      await noteChange(this.deps.cluster, { ...turn.path, object: row.name }, row.timestamp);
    }
  }
}

function after(pass: 1 | 2 | 3): 2 | 3 {
  return pass === 1 ? 2 : 3;
}
