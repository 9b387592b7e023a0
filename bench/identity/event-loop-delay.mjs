// Loaded into the measured server (NODE_OPTIONS=--import): how long its main thread's event loop was held, by Node's own histogram.
// On a busy machine a wait may be for a processor: `busyMs` is the longest one that the process spent computing itself.
// SIGUSR2 writes what was since the last one into the file BENCH_DELAYS_FILE, as JSON, in milliseconds.
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** The histogram holds the time from one tick of a timer to the next: what is above this was waited for. */
const RESOLUTION_MS = 1;

const file = process.env.BENCH_DELAYS_FILE;
if (isMainThread && file) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const heldMs = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  let longestCollectionMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestCollectionMs = Math.max(longestCollectionMs, duration);
  }).observe({ entryTypes: ['gc'] });
  let busyMs = 0;
  let before = { atMs: performance.now(), cpu: process.cpuUsage() };
  setInterval(() => {
    const used = process.cpuUsage(before.cpu);
    const waitedMs = performance.now() - before.atMs - RESOLUTION_MS;
    busyMs = Math.max(busyMs, Math.min(waitedMs, (used.user + used.system) / 1e3));
    before = { atMs: performance.now(), cpu: process.cpuUsage() };
  }, RESOLUTION_MS).unref();
  delays.enable();
  process.on('SIGUSR2', () => {
    const { max, count } = delays;
    writeFileSync(
      `${file}.new`,
      JSON.stringify({
        count,
        maxMs: heldMs(max),
        p99Ms: heldMs(delays.percentile(99)),
        p999Ms: heldMs(delays.percentile(99.9)),
        longestCollectionMs,
        busyMs,
      }),
    );
    renameSync(`${file}.new`, file);
    delays.reset();
    longestCollectionMs = 0;
    busyMs = 0;
  });
}
