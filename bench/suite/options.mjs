// Settings of the object benchmarks, from the environment. Times in seconds, sizes in the unit of the name.
import { availableParallelism } from 'node:os';

const env = process.env;
const number = (name, fallback) => (env[name] === undefined ? fallback : Number(env[name]));
const words = (name) => (env[name] === undefined ? undefined : env[name].split(/[\s,]+/).filter(Boolean));

export const options = {
  /** Length of each timed phase. */
  seconds: number('SECS', 8),
  /** How often each phase runs on each side; tables show medians. */
  rounds: number('ROUNDS', 1),
  /** Length of each phase of the unmeasured warm-up. */
  warmSeconds: number('WARM_SECS', 2),
  /** Size of the single-stream object. */
  bigMiB: number('BIG_MB', 1024),
  /** Disk blocks written and freed in each side's folder beforehand: blocks never written before are several times slower. */
  fillGiB: number('FILL_GB', 8),
  /** Rows of the listing. */
  rows: number('NLIST', 10_000),
  /** Only these phases (see phases.mjs); all unless given. */
  phases: words('PHASES'),
  /** 0: without Swift. */
  peer: env.PEER !== '0',
  /** 0: without nginx, dd and fio. */
  ceilings: env.CEILINGS !== '0',
  /** 0: without the count of flushes by strace. */
  flushes: env.FLUSHES !== '0',
  /** Of Swift's proxy and object servers each, and of nginx. */
  workers: number('WORKERS', availableParallelism()),
  /** Of ours: what `martlet start` takes by itself unless told. */
  ourWorkers: number('OUR_WORKERS', undefined),
  /** Everything is written below this folder, on the disk to be measured; it is made and removed. */
  root: env.BENCH_ROOT ?? '/srv/martlet-bench',
};
