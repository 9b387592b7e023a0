// CPU of each thread of a process, for what a JavaScript profile does not see: libuv's pool, LevelDB's compaction, V8's helpers.
import { readdirSync, readFileSync } from 'node:fs';

/** @returns thread id → { name, seconds }. */
export function threadSeconds(pid) {
  const threads = new Map();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    try {
      const name = readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim();
      // nanoseconds on the processor
      const [running] = readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ');
      threads.set(id, { name, seconds: Number(running) / 1e9 });
    } catch {
      // it ended meanwhile
    }
  }
  return threads;
}

/** What each thread used between two readings, those that used something, most first. */
export function threadsBetween(before, after) {
  return [...after]
    .map(([id, { name, seconds }]) => ({ id, name, seconds: seconds - (before.get(id)?.seconds ?? 0) }))
    .filter(({ seconds }) => seconds > 0.005)
    .sort((left, right) => right.seconds - left.seconds);
}
