import type { ObjectUpdate, UpdateOutcome } from '../contract.ts';
import type { View } from '../store/database.ts';
import { encodeUpdate, type KeyedUpdate } from '../store/object-rows.ts';
import { type AppliedRows, applyObjectRows } from './apply-object-rows.ts';

/** One row for some replicas of its container. */
export interface EncodedUpdate extends Omit<ObjectUpdate, 'row'> {
  row: KeyedUpdate;
}

/** One device's part of a call: its containers, with the rows that each gets. */
interface DevicePart {
  containers: Map<string, ContainerPart>;
}

interface ContainerPart {
  account: string;
  container: string;
  rows: KeyedUpdate[];
  /** Of each row: which update, and which of its replicas. */
  places: { update: number; replica: number }[];
}

export interface UpdatesContext {
  /** Runs a change on a device; what it did is durable when it resolves. @throws ApiError where the device cannot be used. */
  change<T>(device: string, run: (view: View) => Promise<T>): Promise<T>;
  /** Counts of a container changed. */
  note(device: string, account: string, container: string): void;
  /** A device took none of its rows. */
  onFailure(device: string, error: unknown): void;
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
  await Promise.all(
    [...partsOf(updates)].map(async ([device, { containers }]) => {
      const parts = [...containers.values()];
      try {
        const applied = await context.change(device, (view) => applyParts(view, parts));
        parts.forEach(({ account, container, places }, index) => {
          const outcome = applied[index] === 'gone' ? 'gone' : 'listed';
          for (const { update, replica } of places) {
            const row = outcomes[update];
            if (row !== undefined) row[replica] = outcome;
          }
          if (applied[index] === 'counted') context.note(device, account, container);
        });
      } catch (error) {
        context.onFailure(device, error);
      }
    }),
  );
  return outcomes;
}

async function applyParts(view: View, parts: readonly ContainerPart[]): Promise<AppliedRows[]> {
  const applied: AppliedRows[] = [];
  for (const part of parts) applied.push(await applyObjectRows(view, part, part.rows));
  return applied;
}

function partsOf(updates: readonly EncodedUpdate[]): Map<string, DevicePart> {
  const devices = new Map<string, DevicePart>();
  updates.forEach(({ replicas, account, container, row }, update) => {
    const name = `${account}\0${container}`;
    replicas.forEach(({ device }, replica) => {
      let part = devices.get(device);
      if (part === undefined) {
        part = { containers: new Map() };
        devices.set(device, part);
      }
      let rows = part.containers.get(name);
      if (rows === undefined) {
        rows = { account, container, rows: [], places: [] };
        part.containers.set(name, rows);
      }
      rows.rows.push(row);
      rows.places.push({ update, replica });
    });
  });
  return devices;
}
