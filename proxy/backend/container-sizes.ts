import type { Clock } from '../../common/clock.ts';
import { RecentMap } from '../../common/recent-map.ts';
import { CONTAINER_SIZE_MS, MOST_KNOWN_CONTAINERS } from '../limits.ts';

/** Who is asked how many objects a container has; 0: there is none. @throws ApiError 503. */
export type AskSize = (account: string, container: string) => Promise<number>;

/** How many objects containers had a moment ago, for limits that go by it: counts change with every write, and asking costs. */
export class ContainerSizes {
  private readonly clock: Clock;
  private readonly ask: AskSize;
  private readonly remembered = new RecentMap<{ objects: number; untilMs: number }>(MOST_KNOWN_CONTAINERS);

  constructor(clock: Clock, ask: AskSize) {
    this.clock = clock;
    this.ask = ask;
  }

  /** Undefined: not remembered: `find` tells. */
  now(account: string, container: string): number | undefined {
    const remembered = this.remembered.get(`${account}/${container}`);
    return remembered !== undefined && remembered.untilMs > this.clock.nowMs() ? remembered.objects : undefined;
  }

  async find(account: string, container: string): Promise<number> {
    const known = this.now(account, container);
    if (known !== undefined) return known;
    const objects = await this.ask(account, container);
    this.remembered.set(`${account}/${container}`, { objects, untilMs: this.clock.nowMs() + CONTAINER_SIZE_MS });
    return objects;
  }
}
