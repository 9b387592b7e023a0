import { parseTimestamp, secondsOf, type Timestamp } from '../../common/timestamp.ts';
import { isRefusal } from '../errors.ts';
import { MOST_CLOCK_SKEW_SECONDS, MOST_TIMESTAMP_RETRIES } from '../limits.ts';
import type { Cluster } from './cluster.ts';

/**
 * Makes a write with a timestamp of its own, again with a later one where a replica already has a newer version: this
 * client came after that one. A version further ahead than clocks may differ is not chased.
 *
 * @param given of a version that is made elsewhere: it has no other.
 * @throws ApiError 409 when the newer version cannot be passed.
 */
export async function writeWithTimestamp<T>(
  cluster: Cluster,
  write: (timestamp: Timestamp) => Promise<T>,
  given?: Timestamp,
): Promise<T> {
  if (given !== undefined) return write(given);
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await write(cluster.timestamps.next());
    } catch (error) {
      if (!isRefusal(error, 'OlderVersion') || attempt >= MOST_TIMESTAMP_RETRIES) throw error;
      const newer = parseTimestamp(String(error.details['timestamp']));
      if (newer === undefined) throw error;
      if (secondsOf(newer) > cluster.clock.nowMs() / 1000 + MOST_CLOCK_SKEW_SECONDS) throw error;
      cluster.timestamps.advancePast(newer);
    }
  }
}
