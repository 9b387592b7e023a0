import { hash } from 'node:crypto';
import { ticksOf, timestampFromTicks } from '../../common/timestamp.ts';
import { forgetRow, type NotesContainer, noteRows, timestampedRows } from '../actions/note-rows.ts';
import type { Cluster } from '../backend/cluster.ts';
import { DUTY_BEATS_MISSED, DUTY_FORGOTTEN_MS, MOST_DUTY_NODES } from '../limits.ts';
import { Rounds } from './rounds.ts';

/** Which of the nodes with daemons works on a container. */
export interface Duty {
  /** Never rejects. For a moment two nodes may both be told so: what daemons do may be done twice. */
  isOurs(account: string, container: string): Promise<boolean>;
}

/** Where nodes note that their daemons run: a row for each, written again and again. */
const ROSTER: NotesContainer = { account: '.daemons', container: 'nodes' };

export interface DutyRosterDeps {
  cluster: Cluster;
  /** What this node is called; no other has the same. */
  node: string;
  /** From one note to the next, ms: the same on all nodes. */
  intervalMs: number;
}

/**
 * The nodes whose daemons run, as they say themselves, and what falls to each: a container to the node whose hash with it is the
 * greatest (rendezvous hashing). One that has said nothing for several intervals is dead, and what was its own falls to others, each
 * container to one.
 *
 * A node that has all devices and hears of nobody says nothing: it need not write anything while nothing happens.
 */
export class DutyRoster implements Duty {
  private readonly deps: DutyRosterDeps;
  private readonly rounds: Rounds;
  /** Other nodes whose daemons run. */
  private others: readonly string[] = [];
  private beatenMs = Number.NEGATIVE_INFINITY;
  private beating: Promise<void> | undefined;

  constructor(deps: DutyRosterDeps) {
    this.deps = deps;
    this.rounds = new Rounds(deps.intervalMs, () => this.beat());
  }

  start(): void {
    void this.beat();
    this.rounds.start();
  }

  async stop(): Promise<void> {
    this.rounds.stop();
    await this.beating;
  }

  async isOurs(account: string, container: string): Promise<boolean> {
    const { cluster, node, intervalMs } = this.deps;
    if (cluster.clock.nowMs() - this.beatenMs > intervalMs) await this.beat();
    const weightOf = (candidate: string) => hash('md5', `${candidate}\0${account}\0${container}`);
    const ours = weightOf(node);
    return this.others.every((other) => weightOf(other) < ours);
  }

  /** Says that this node is there, and hears who else is. Never rejects. */
  private beat(): Promise<void> {
    this.beating ??= this.exchange().finally(() => {
      this.beating = undefined;
    });
    return this.beating;
  }

  private async exchange(): Promise<void> {
    const { cluster, node, intervalMs } = this.deps;
    const nowMs = cluster.clock.nowMs();
    try {
      const noted = await timestampedRows(cluster, ROSTER, '', MOST_DUTY_NODES);
      const others = noted
        .filter(({ name }) => name !== node)
        .map(({ name, timestamp }) => ({ name, timestamp, silentMs: nowMs - ticksOf(timestamp) / TICKS_PER_MS }));
      this.others = others.filter(({ silentMs }) => silentMs <= intervalMs * DUTY_BEATS_MISSED).map(({ name }) => name);
      for (const { name, timestamp, silentMs } of others)
        if (silentMs > DUTY_FORGOTTEN_MS) await forgetRow(cluster, ROSTER, name, timestamp);
      if (this.others.length > 0 || !this.hasAllDevices())
        await noteRows(cluster, ROSTER, [node], timestampFromTicks(Math.floor(nowMs * TICKS_PER_MS)));
    } catch (error) {
      cluster.logger.warn({ err: error }, 'the nodes whose daemons run could not be asked for');
    }
    this.beatenMs = nowMs;
  }

  private hasAllDevices(): boolean {
    const { rings, isLocal } = this.deps.cluster;
    return rings.container.devices.every((device) => !device || isLocal(device));
  }
}

const TICKS_PER_MS = 100;
