import { invariant } from '../../common/errors.ts';
import type { ObjectUpdate, TakenUpdates, UpdateOutcome } from '../contract.ts';
import type { View } from '../store/batch.ts';
import type { TakenChange } from '../store/database.ts';
import { encodeUpdate, type KeyedUpdate } from '../store/object-rows.ts';
import { type AppliedRows, applyObjectRows } from './apply-object-rows.ts';

/** One row for some replicas of its container. */
export interface EncodedUpdate extends Omit<ObjectUpdate, 'row'> {
  row: KeyedUpdate;
}

/** One device's part of a call: its containers, with the rows that each gets. */
interface DevicePart {
  device: string;
  containers: ContainerPart[];
}

interface ContainerPart {
  account: string;
  container: string;
  rows: KeyedUpdate[];
  /** Of each row: which update, and which of its replicas. */
  places: { update: number; replica: number }[];
}

type Outcome = TakenUpdates['outcomes'][number][number];

export interface UpdatesContext {
  /** Runs a change on a device; what it did is durable when it resolves. @throws ApiError where the device cannot be used. */
  change<T>(device: string, run: (view: View) => Promise<T>): Promise<T>;
  /** Counts of a container changed. */
  note(device: string, account: string, container: string): void;
  /** A device took none of its rows. */
  onFailure(device: string, error: unknown): void;
}

export interface TakingContext extends UpdatesContext {
  /** @returns false where the device must be waited for. */
  take(device: string, change: Omit<TakenChange<void>, 'ticket'>): boolean;
}

export function encodeUpdates(updates: readonly ObjectUpdate[]): EncodedUpdate[] {
  return updates.map(({ replicas, account, container, row }) => ({
    replicas,
    account,
    container,
    row: encodeUpdate(account, container, row),
  }));
}

/** One change for each device, whatever the number of containers and rows: devices fail, and sync, on their own. */
export async function applyObjectUpdates(
  context: UpdatesContext,
  updates: readonly EncodedUpdate[],
): Promise<UpdateOutcome[]> {
  const outcomes = updates.map(({ replicas }) => replicas.map((): UpdateOutcome[number] => 'failed'));
  await Promise.all(partsOf(updates).map((part) => applyPart(context, part, outcomes)));
  return outcomes;
}

/** As `applyObjectUpdates`, not waiting for the devices that can take rows to be written later. */
export async function takeObjectUpdates(
  context: TakingContext,
  updates: readonly EncodedUpdate[],
): Promise<Outcome[][]> {
  const outcomes = updates.map(({ replicas }) => replicas.map((): Outcome => 'failed'));
  const waited: Promise<void>[] = [];
  for (const part of partsOf(updates)) {
    if (!takePart(context, part)) waited.push(applyPart(context, part, outcomes));
    else for (const { places } of part.containers) tell(outcomes, places, 'taken');
  }
  await Promise.all(waited);
  return outcomes;
}

async function applyPart(context: UpdatesContext, part: DevicePart, outcomes: Outcome[][]): Promise<void> {
  const { device, containers } = part;
  try {
    const applied = await context.change(device, (view) => applyContainers(view, containers));
    containers.forEach(({ account, container, places }, index) => {
      tell(outcomes, places, applied[index] === 'gone' ? 'gone' : 'listed');
      if (applied[index] === 'counted') context.note(device, account, container);
    });
  } catch (error) {
    context.onFailure(device, error);
  }
}

function takePart(context: TakingContext, { device, containers }: DevicePart): boolean {
  const counted: ContainerPart[] = [];
  return context.take(device, {
    containers,
    rows: containers.reduce((sum, { rows }) => sum + rows.length, 0),
    run: async (view) => {
      for (const part of containers) {
        const applied = await applyObjectRows(view, part, part.rows);
        invariant(applied !== 'gone', 'a container went while rows were taken for it');
        if (applied === 'counted') counted.push(part);
      }
    },
    onWritten: () => {
      for (const { account, container } of counted) context.note(device, account, container);
    },
    onFailed: (error) => context.onFailure(device, error),
  });
}

function tell(outcomes: Outcome[][], places: ContainerPart['places'], outcome: Outcome): void {
  for (const { update, replica } of places) {
    const row = outcomes[update];
    if (row !== undefined) row[replica] = outcome;
  }
}

async function applyContainers(view: View, parts: readonly ContainerPart[]): Promise<AppliedRows[]> {
  const applied: AppliedRows[] = [];
  for (const part of parts) applied.push(await applyObjectRows(view, part, part.rows));
  return applied;
}

function partsOf(updates: readonly EncodedUpdate[]): DevicePart[] {
  const devices = new Map<string, DevicePart & { byName: Map<string, ContainerPart> }>();
  updates.forEach(({ replicas, account, container, row }, update) => {
    const name = `${account}\0${container}`;
    replicas.forEach(({ device }, replica) => {
      let part = devices.get(device);
      if (part === undefined) {
        part = { device, containers: [], byName: new Map() };
        devices.set(device, part);
      }
      let rows = part.byName.get(name);
      if (rows === undefined) {
        rows = { account, container, rows: [], places: [] };
        part.byName.set(name, rows);
        part.containers.push(rows);
      }
      rows.rows.push(row);
      rows.places.push({ update, replica });
    });
  });
  return [...devices.values()];
}
