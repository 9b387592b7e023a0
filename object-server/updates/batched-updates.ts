import type { Logger } from '../../common/log.ts';
import type { ListingStore, ObjectRow, TakenUpdates } from '../../container-server/contract.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';
import { FEW_UPDATES, MOST_UPDATE_CALLS_OUT, MOST_WAITING_UPDATES } from '../limits.ts';
import type { ListingAnswer, ListingUpdates } from './contract.ts';
import { UpdateCall } from './update-call.ts';

export interface BatchedUpdatesDeps {
  listingStoreAt(address: { ip: string; port: number }): UpdatedStore;
  logger: Logger;
  /** How long a caller waits for its answer, milliseconds. */
  timeoutMs: number;
}

type UpdatedStore = Pick<ListingStore, 'applyObjectUpdates' | 'takeObjectUpdates'>;

const NO_ANSWER: TakenUpdates = { outcomes: [], whenWritten: (_device, then) => then(false) };

/**
 * Sends the rows of many writes together: all of one turn, and those that come while calls are out, go to one address as one call.
 */
export function createBatchedUpdates(deps: BatchedUpdatesDeps): ListingUpdates {
  const lanes = new Map<string, Lane>();
  return {
    send(listing, target, row) {
      const { ip, port } = listing;
      const key = `${ip}|${port}`;
      let lane = lanes.get(key);
      if (lane === undefined) {
        lane = new Lane(deps, { ip, port });
        lanes.set(key, lane);
      }
      return lane.send(listing, target, row);
    },
    async stop() {
      await Promise.all([...lanes.values()].map((lane) => lane.idle()));
    },
  };
}

/** What goes to one address. */
class Lane {
  private readonly deps: BatchedUpdatesDeps;
  private readonly address: { ip: string; port: number };
  /** Calls that are not sent yet, oldest first; rows are added to the last one. */
  private readonly gathering: UpdateCall[] = [];
  /** Calls that have not ended, with what ends them. */
  private readonly open = new Map<UpdateCall, { timer: NodeJS.Timeout; done: () => void; ended: Promise<void> }>();
  private callsOut = 0;
  private replicasWaiting = 0;
  private scheduled = false;

  constructor(deps: BatchedUpdatesDeps, address: { ip: string; port: number }) {
    this.deps = deps;
    this.address = address;
  }

  send(listing: ListingReport, target: ObjectTarget, row: ObjectRow): Promise<ListingAnswer> {
    if (this.replicasWaiting >= MOST_WAITING_UPDATES) return Promise.resolve('late');
    let call = this.gathering.at(-1);
    if (call === undefined || call.isFull()) call = this.begin();
    this.replicasWaiting += 1;
    this.schedule();
    return call.add(listing, target, row);
  }

  /** Every call ends within the bound. */
  async idle(): Promise<void> {
    await Promise.all([...this.open.values()].map(({ ended }) => ended));
  }

  private begin(): UpdateCall {
    const call = new UpdateCall();
    let done: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      done = resolve;
    });
    // One bound for all rows of a call: those that joined it late wait less, and only where nobody answers.
    const timer = setTimeout(() => this.expire(call), this.deps.timeoutMs);
    this.open.set(call, { timer, done, ended });
    this.gathering.push(call);
    return call;
  }

  private schedule(): void {
    if (this.scheduled || !this.mayCall()) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      while (this.mayCall()) {
        const call = this.gathering.shift();
        if (call === undefined) return;
        this.callsOut += 1;
        void this.run(call);
      }
    });
  }

  /** A few rows need not wait for what is out; many had better, and go together, for their devices are flushed with each call. */
  private mayCall(): boolean {
    if (this.callsOut === 0) return true;
    const gathered = this.gathering.reduce((sum, { replicas }) => sum + replicas, 0);
    return this.callsOut < MOST_UPDATE_CALLS_OUT && gathered <= FEW_UPDATES;
  }

  private async run(call: UpdateCall): Promise<void> {
    try {
      call.answer(await send(this.deps.listingStoreAt(this.address), call));
    } catch (error) {
      this.deps.logger.warn({ err: error, ...this.address }, 'listing updates have to be sent again');
      call.answer(NO_ANSWER);
    }
    this.end(call);
  }

  /** What is out may still arrive, and is sent again all the same: that changes nothing. */
  private expire(call: UpdateCall): void {
    const updates = call.updates.length;
    this.deps.logger.warn({ ...this.address, updates }, 'listing updates got no answer in time');
    call.answer(NO_ANSWER);
    this.end(call);
  }

  private end(call: UpdateCall): void {
    const state = this.open.get(call);
    if (state === undefined) return; // it has expired before
    this.open.delete(call);
    clearTimeout(state.timer);
    this.replicasWaiting -= call.replicas;
    const index = this.gathering.indexOf(call);
    if (index >= 0) this.gathering.splice(index, 1);
    else this.callsOut -= 1;
    if (this.gathering.length > 0) this.schedule();
    state.done();
  }
}

async function send(store: UpdatedStore, call: UpdateCall): Promise<TakenUpdates> {
  const updates = call.updates.map(messageOf);
  if (store.takeObjectUpdates !== undefined) return store.takeObjectUpdates(updates);
  return { ...NO_ANSWER, outcomes: await store.applyObjectUpdates(updates) };
}

/** Without what only the sender knows. */
function messageOf({ replicas, account, container, row }: UpdateCall['updates'][number]) {
  return { replicas, account, container, row };
}
