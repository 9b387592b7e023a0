import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../common/log.ts';
import type { ObjectUpdate, UpdateOutcome } from '../../../../container-server/contract.ts';
import type { ListingReport, ObjectTarget } from '../../../../object-server/contract.ts';
import {
  FEW_UPDATES,
  MOST_UPDATE_CALLS_OUT,
  MOST_UPDATES_PER_CALL,
  MOST_WAITING_UPDATES,
} from '../../../../object-server/limits.ts';
import { createBatchedUpdates } from '../../../../object-server/updates/batched-updates.ts';
import type { ListingAnswer } from '../../../../object-server/updates/contract.ts';
import { at, liveRow } from '../../../support/listing-store.ts';

interface SentCall {
  port: number;
  updates: readonly ObjectUpdate[];
  answer(outcomes: UpdateOutcome[]): void;
  fail(): void;
}

describe('listing updates in batches', () => {
  let calls: SentCall[] = [];
  const open = (timeoutMs = 60_000) =>
    createBatchedUpdates({
      listingStoreAt: ({ port }) => ({
        applyObjectUpdates: (updates) =>
          new Promise((resolve, reject) => {
            calls.push({ port, updates, answer: resolve, fail: () => reject(new Error('no listings today')) });
          }),
      }),
      logger: createLogger('silent'),
      timeoutMs,
    });
  const report = (device: string, port = 6201): ListingReport => ({ ip: '127.0.0.1', port, device, partition: 7 });
  const target = (object: string): ObjectTarget => ({
    device: 'd1',
    partition: 3,
    account: 'AUTH_a',
    container: 'c',
    object,
    policyIndex: 0,
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const listAll = ({ updates, answer }: SentCall) =>
    answer(updates.map(({ replicas }) => replicas.map(() => 'listed')));

  afterEach(() => {
    calls = [];
  });

  it('go as one call a turn, each row once for all replicas that get it', async () => {
    const updates = open();
    const answers = ['a', 'b'].flatMap((name) =>
      ['d1', 'd2', 'd3'].map((device) => updates.send(report(device), target(name), liveRow(name, at(1)))),
    );
    await turn();
    expect(calls).toHaveLength(1);
    expect(calls[0]?.updates.map(({ row, replicas }) => [row.name, replicas.map(({ device }) => device)])).toEqual([
      ['a', ['d1', 'd2', 'd3']],
      ['b', ['d1', 'd2', 'd3']],
    ]);
    calls[0]?.answer([
      ['listed', 'gone', 'failed'],
      ['gone', 'listed', 'listed'],
    ]);
    expect(await Promise.all(answers)).toEqual(['listed', 'gone', 'late', 'gone', 'listed', 'listed']);
  });

  it('keep rows of one name apart that differ, or go to the same replica twice, in their order', async () => {
    const updates = open();
    void updates.send(report('d1'), target('a'), liveRow('a', at(1)));
    void updates.send(report('d2'), target('a'), liveRow('a', at(1), 5));
    void updates.send(report('d2'), target('a'), { name: 'a', timestamp: at(2), deleted: true });
    void updates.send(report('d2'), target('a'), { name: 'a', timestamp: at(2), deleted: true });
    await turn();
    expect(calls[0]?.updates.map(({ row, replicas }) => [row.timestamp, replicas.length])).toEqual([
      [at(1), 1],
      [at(1), 1],
      [at(2), 1],
      [at(2), 1],
    ]);
    listAll(calls[0] as SentCall);
    await updates.stop();
  });

  it('gather while calls are out, and go together when one ends', async () => {
    const updates = open();
    const send = async (name: string) => {
      const answer = updates.send(report('d1'), target(name), liveRow(name, at(1)));
      await turn();
      return { answer };
    };
    const answers: Promise<ListingAnswer>[] = [];
    for (let index = 0; index < MOST_UPDATE_CALLS_OUT + 2; index += 1) answers.push((await send(`${index}`)).answer);
    expect(calls.map((call) => call.updates.length)).toEqual(Array(MOST_UPDATE_CALLS_OUT).fill(1));
    listAll(calls[0] as SentCall);
    expect(await answers[0]).toBe('listed');
    await turn();
    expect(calls.at(-1)?.updates.map(({ row }) => row.name)).toEqual([
      `${MOST_UPDATE_CALLS_OUT}`,
      `${MOST_UPDATE_CALLS_OUT + 1}`,
    ]);
    for (const call of calls) listAll(call);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['listed']));
  });

  it('wait until no call is out when they are many', async () => {
    const updates = open();
    void updates.send(report('d1'), target('first'), liveRow('first', at(1)));
    await turn();
    const many = Array.from({ length: FEW_UPDATES + 1 }, (_, index) =>
      updates.send(report('d1'), target(`${index}`), liveRow(`${index}`, at(1))),
    );
    await turn();
    await turn();
    expect(calls).toHaveLength(1);
    listAll(calls[0] as SentCall);
    await turn();
    await turn();
    expect(calls.map((call) => call.updates.length)).toEqual([1, FEW_UPDATES + 1]);
    listAll(calls[1] as SentCall);
    expect(new Set(await Promise.all(many))).toEqual(new Set(['listed']));
  });

  it('are bounded: rows of one call, and rows that wait', async () => {
    const updates = open();
    const first = Array.from({ length: MOST_UPDATES_PER_CALL + 1 }, (_, index) =>
      updates.send(report('d1'), target(`${index}`), liveRow(`${index}`, at(1))),
    );
    await turn();
    expect(calls.map((call) => call.updates.length)).toEqual([MOST_UPDATES_PER_CALL, 1]);
    for (const call of calls) listAll(call);
    await Promise.all(first);
    const many = Array.from({ length: MOST_WAITING_UPDATES + 1 }, (_, index) =>
      updates.send(report('d1'), target(`${index}`), liveRow(`${index}`, at(1))),
    );
    expect(await many.at(-1)).toBe('late');
    const answering = setInterval(() => calls.splice(0).forEach(listAll), 1);
    expect(new Set(await Promise.all(many.slice(0, -1)))).toEqual(new Set(['listed']));
    clearInterval(answering);
  });

  it('are late when nobody answers within the bound, and the address is asked again after that', async () => {
    const updates = open(250);
    const answers = Array.from({ length: MOST_UPDATE_CALLS_OUT + 1 }, async (_, index) => {
      for (let turns = 0; turns < index; turns += 1) await turn();
      return updates.send(report('d1'), target(`${index}`), liveRow(`${index}`, at(1)));
    });
    for (let turns = 0; turns < 2 * MOST_UPDATE_CALLS_OUT; turns += 1) await turn();
    expect(calls).toHaveLength(MOST_UPDATE_CALLS_OUT);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['late']));
    const before = calls.length; // the one that waited may have been sent when the others' time was over
    const next = updates.send(report('d1'), target('next'), liveRow('next', at(1)));
    await turn();
    expect(calls).toHaveLength(before + 1);
    for (const call of calls) listAll(call);
    expect(await next).toBe('listed');
  });

  it('are late when the call fails, or is answered for fewer rows than were sent', async () => {
    const updates = open();
    const failed = updates.send(report('d1'), target('a'), liveRow('a', at(1)));
    await turn();
    calls[0]?.fail();
    expect(await failed).toBe('late');
    const short = updates.send(report('d1'), target('a'), liveRow('a', at(1)));
    await turn();
    calls[1]?.answer([]);
    expect(await short).toBe('late');
  });

  it('go to each address on their own, and stopping waits for all', async () => {
    const updates = open();
    void updates.send(report('d1', 6201), target('a'), liveRow('a', at(1)));
    void updates.send(report('d1', 7201), target('a'), liveRow('a', at(1)));
    let stopped = false;
    const stopping = updates.stop().then(() => {
      stopped = true;
    });
    await turn();
    expect(calls.map(({ port }) => port)).toEqual([6201, 7201]);
    listAll(calls[0] as SentCall);
    await turn();
    expect(stopped).toBe(false);
    listAll(calls[1] as SentCall);
    await stopping;
  });
});
