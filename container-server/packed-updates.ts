import { invariant } from '../common/errors.ts';
import type { EncodedUpdate } from './actions/apply-object-updates.ts';
import type { ObjectUpdate, TakenUpdates } from './contract.ts';
import { assertName } from './store/keys.ts';
import { encodeRowUpdate, keyedUpdate } from './store/object-rows.ts';

/**
 * Object updates as one text, for the way between two threads of a process: to copy one string costs a fraction of what it costs to
 * copy the objects, and the sender has made of each row what is stored, for all replicas.
 *
 * Fields are parted by NUL: for each update the number of its replicas, device and partition of each, account, container, object,
 * and what is stored of a live row, or the timestamp of a deletion (which is shorter).
 */
export function packUpdates(updates: readonly ObjectUpdate[]): string {
  const fields: (string | number)[] = [];
  for (const { replicas, account, container, row } of updates) {
    fields.push(replicas.length);
    for (const { device, partition } of replicas) fields.push(assertName(device), partition);
    const { name, timestamp, live } = encodeRowUpdate(row);
    fields.push(assertName(account), assertName(container), assertName(name), live ?? timestamp);
  }
  return fields.join('\0');
}

export function unpackUpdates(packed: string): EncodedUpdate[] {
  const updates: EncodedUpdate[] = [];
  if (packed === '') return updates;
  const fields = packed.split('\0');
  let next = 0;
  const take = (): string => {
    const field = fields[next];
    invariant(field !== undefined, 'packed updates end too early');
    next += 1;
    return field;
  };
  while (next < fields.length) {
    const replicas = Array.from({ length: Number(take()) }, () => ({ device: take(), partition: Number(take()) }));
    const [account, container, name, stored] = [take(), take(), take(), take()];
    updates.push({ replicas, account, container, row: keyedUpdate(account, container, name, stored) });
  }
  return updates;
}

const LETTERS = { listed: 'l', taken: 't', gone: 'g', failed: 'f' } as const;
const MEANINGS = { l: 'listed', t: 'taken', g: 'gone', f: 'failed' } as const;

/** One letter for each replica of each update. */
export function packOutcomes(outcomes: TakenUpdates['outcomes']): string {
  let packed = '';
  for (const outcome of outcomes) for (const each of outcome) packed += LETTERS[each];
  return packed;
}

/** @param updates those that the outcomes are of, which are of the kinds that their call answers. */
export function unpackOutcomes<O extends keyof typeof LETTERS>(
  packed: string,
  updates: readonly ObjectUpdate[],
): (readonly O[])[] {
  let next = 0;
  return updates.map(({ replicas }) =>
    replicas.map(() => {
      const letter = packed[next] as keyof typeof MEANINGS;
      next += 1;
      return MEANINGS[letter] as O;
    }),
  );
}
