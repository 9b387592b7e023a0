import { InvariantError } from '../../../common/errors.ts';
import type { SeededRandom } from './seeded-random.ts';

interface Waiting {
  label: string;
  priority: number;
  go(): void;
}

const laterTurn = setImmediate;
/** Turns of the event loop without anything to let happen before a simulation is called stuck. */
const MOST_IDLE_TURNS = 50;

/**
 * Lets what is under way happen, one thing after the other, in an order that the seed decides. After each, everything that follows
 * from it without waiting for another has run.
 */
export class Scheduler {
  private waiting: Waiting[] = [];
  private readonly random: SeededRandom;
  /** Some seeds starve whole lines of events for long: priorities by label; others take any. */
  private readonly priorities: Map<string, number> | undefined;
  steps = 0;

  constructor(random: SeededRandom) {
    this.random = random;
    this.priorities = random.chance(0.5) ? new Map() : undefined;
  }

  /** Resolves when it is this one's turn to happen. */
  turn(label: string): Promise<void> {
    return new Promise((go) => {
      this.waiting.push({ label, priority: this.priorityOf(label), go });
    });
  }

  /** What waits will never happen. */
  forgetAll(): void {
    this.waiting = [];
  }

  get labels(): string[] {
    return this.waiting.map(({ label }) => label);
  }

  /**
   * Lets things happen until a condition is met.
   *
   * @param idle called when nothing waits: makes something happen (time passes) and says whether it did.
   * @throws InvariantError when nothing can happen any more: somebody waits for ever.
   */
  async runUntil(done: () => boolean, idle: () => boolean): Promise<void> {
    let idleTurns = 0;
    await eventLoopTurn();
    while (!done()) {
      const next = this.choose();
      if (next !== undefined) {
        idleTurns = 0;
        this.steps += 1;
        next.go();
      } else if (idleTurns < 2 || !idle()) idleTurns += 1;
      if (idleTurns > MOST_IDLE_TURNS) throw new InvariantError('nothing can happen any more, and somebody waits');
      await eventLoopTurn();
    }
  }

  private choose(): Waiting | undefined {
    if (this.waiting.length === 0) return undefined;
    let index = this.random.below(this.waiting.length);
    if (this.priorities && this.random.chance(0.8)) {
      index = 0;
      for (let other = 1; other < this.waiting.length; other += 1)
        if ((this.waiting[other]?.priority ?? 0) > (this.waiting[index]?.priority ?? 0)) index = other;
    }
    const [chosen] = this.waiting.splice(index, 1);
    return chosen;
  }

  private priorityOf(label: string): number {
    if (this.priorities === undefined) return 0;
    let priority = this.priorities.get(label);
    if (priority === undefined || this.random.chance(0.02)) {
      priority = this.random.below(1000);
      this.priorities.set(label, priority);
    }
    return priority;
  }
}

/** Everything that needs no decision of the scheduler has run after it. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    laterTurn(resolve);
  });
}
