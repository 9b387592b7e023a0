import type { ObjectRow, ObjectUpdate, TakenUpdates } from '../../container-server/contract.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';
import { MOST_UPDATE_BYTES_PER_CALL, MOST_UPDATES_PER_CALL } from '../limits.ts';
import type { ListingAnswer, Taken } from './contract.ts';

type Answer = (answer: ListingAnswer) => void;

interface GatheredUpdate extends ObjectUpdate {
  replicas: { device: string; partition: number }[];
  /** Who waits, by replica. */
  waiting: Answer[];
}

/** One call in the making: rows for containers of one address, and who waits for each of their replicas. */
export class UpdateCall {
  readonly updates: GatheredUpdate[] = [];
  /** Rows' replicas that somebody waits for. */
  replicas = 0;
  private readonly byName = new Map<string, GatheredUpdate>();
  private bytes = 0;

  /** Object replicas of one write report the same row to different replicas of the container: it goes once, for all of them. */
  add(
    { device, partition }: ListingReport,
    { account, container }: ObjectTarget,
    row: ObjectRow,
  ): Promise<ListingAnswer> {
    const name = `${account}\0${container}\0${row.name}`;
    let update = this.byName.get(name);
    if (update === undefined || !isSame(update.row, row) || update.replicas.some((each) => each.device === device)) {
      update = { replicas: [], account, container, row, waiting: [] };
      this.updates.push(update);
      this.byName.set(name, update);
      this.bytes += name.length + (row.deleted ? 0 : row.contentType.length + row.etag.length);
    }
    this.replicas += 1;
    update.replicas.push({ device, partition });
    const { waiting } = update;
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  }

  isFull(): boolean {
    return this.updates.length >= MOST_UPDATES_PER_CALL || this.bytes >= MOST_UPDATE_BYTES_PER_CALL;
  }

  /** Tells everybody who waits; only the first answer counts. @param outcomes in the order of `updates`; what they lack is late. */
  answer({ outcomes, whenWritten }: TakenUpdates): void {
    const takenOn = new Map<string, Taken>();
    const takenBy = (device: string): Taken => {
      let taken = takenOn.get(device);
      if (taken === undefined) {
        taken = { whenWritten: (then) => whenWritten(device, then) };
        takenOn.set(device, taken);
      }
      return taken;
    };
    this.updates.forEach(({ waiting, replicas }, index) => {
      waiting.forEach((resolve, replica) => {
        const outcome = outcomes[index]?.[replica] ?? 'failed';
        if (outcome === 'taken') resolve(takenBy(replicas[replica]?.device ?? ''));
        else resolve(outcome === 'failed' ? 'late' : outcome);
      });
    });
  }
}

function isSame(left: ObjectRow, right: ObjectRow): boolean {
  if (left === right) return true;
  if (left.timestamp !== right.timestamp) return false;
  if (left.deleted || right.deleted) return left.deleted === right.deleted;
  return (
    left.etag === right.etag &&
    left.sizeBytes === right.sizeBytes &&
    left.contentType === right.contentType &&
    left.contentTypeTimestamp === right.contentTypeTimestamp &&
    left.metadataTimestamp === right.metadataTimestamp
  );
}
