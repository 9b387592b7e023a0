import { ApiError } from '../../common/errors.ts';
import { refusal } from '../errors.ts';
import { replicaUnavailable } from './deadline.ts';

export type Outcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

/** Replicas that must have a write before it is acknowledged: more than half, so that any two writes meet. */
export function quorumOf(replicas: number): number {
  return Math.floor(replicas / 2) + 1;
}

/** Whether a replica has answered the question, even with no: what other errors say is only that it could not be asked. */
export function isDecisive(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status >= 400 && error.status < 500;
}

/**
 * Waits for all attempts, but no longer than `graceMs` once `quorum` of them have succeeded or `quorum` have been refused.
 * Attempts are bounded by themselves. One that is still running then counts as unavailable, and goes on.
 */
export function settleByQuorum<T>(
  attempts: readonly Promise<T>[],
  quorum: number,
  graceMs: number,
): Promise<Outcome<T>[]> {
  const outcomes = new Array<Outcome<T> | undefined>(attempts.length).fill(undefined);
  return new Promise((resolve) => {
    let open = attempts.length;
    let succeeded = 0;
    let refused = 0;
    let timer: NodeJS.Timeout | undefined;
    // An error is made only where one is late: with its stack it costs more than all the rest.
    const finish = () => resolve(outcomes.map((outcome) => outcome ?? late()));
    const settled = () => {
      open -= 1;
      if (open === 0) {
        clearTimeout(timer);
        finish();
      } else if (succeeded >= quorum || refused >= quorum) {
        timer ??= setTimeout(finish, graceMs);
      }
    };
    if (open === 0) resolve([]);
    for (const [index, attempt] of attempts.entries()) {
      attempt.then(
        (value) => {
          outcomes[index] = { ok: true, value };
          succeeded += 1;
          settled();
        },
        (error: unknown) => {
          outcomes[index] = { ok: false, error };
          if (isDecisive(error)) refused += 1;
          settled();
        },
      );
    }
  });
}

function late(): { ok: false; error: unknown } {
  return { ok: false, error: replicaUnavailable('a replica is late') };
}

/**
 * What the replicas agree on.
 *
 * @returns the results of those that succeeded, at least `quorum`.
 * @throws ApiError of the highest status, where at least `quorum` refused; 507 where all lack space; else 503.
 * Spec: Swift, `best_response`.
 */
export function agreed<T>(outcomes: readonly Outcome<T>[], quorum: number): T[] {
  const values = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  if (values.length >= quorum) return values;
  const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
  const refusals = errors.filter(isDecisive).toSorted((left, right) => right.status - left.status);
  const [worst] = refusals;
  if (worst && refusals.length >= quorum) throw worst;
  if (errors.length > 0 && errors.every((error) => error instanceof ApiError && error.code === 'InsufficientStorage'))
    throw refusal(507);
  throw refusal(503, { cause: errors[0] });
}
