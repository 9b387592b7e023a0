import { ApiError } from '../../common/errors.ts';

/** What a replica that did not answer in time, or not at all, counts as. */
export function replicaUnavailable(what: string, cause?: unknown): ApiError {
  return new ApiError({ status: 503, code: 'ReplicaUnavailable', message: what, cause });
}

/**
 * Bounds the wait for a replica. What comes after the deadline is handed to `late`, so that it can be released.
 *
 * @throws ApiError `ReplicaUnavailable` at the deadline.
 */
export function withDeadline<T>(work: Promise<T>, timeoutMs: number, late?: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      reject(replicaUnavailable(`a replica did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        if (expired) late?.(value);
        else resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
