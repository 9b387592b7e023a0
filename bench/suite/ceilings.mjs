// What the machine itself can do: dd of three files at once, and durable writes by fio; nginx is a side like the others.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const COPIES = 3;
const COPY_BYTES = 1 << 20;

/** Random bytes in a file that is in the page cache afterwards. */
export function makeFile(path, mebibytes) {
  execFileSync('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1M', `count=${mebibytes}`, 'status=none']);
}

/** Writes and frees blocks, so that what is written next lands on blocks that the disk has seen before. */
export function fill(folder, gibibytes) {
  if (gibibytes <= 0) return;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'fill');
  const count = `count=${Math.round(gibibytes * 1024)}`;
  execFileSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=1M', count, 'conv=fsync', 'status=none']);
  rmSync(path);
  execFileSync('sync');
}

/** Three copies of the file at once, each flushed: megabytes of the file (not of the copies) per second. */
export async function parallelDd(folder, file, sizeBytes) {
  mkdirSync(folder, { recursive: true });
  const copies = Array.from({ length: COPIES }, (_, index) => join(folder, `copy-${index}`));
  const started = performance.now();
  await Promise.all(
    copies.map(async (copy) => {
      const child = spawn('dd', [`if=${file}`, `of=${copy}`, 'bs=1M', 'conv=fdatasync', 'status=none']);
      const [code] = await once(child, 'exit');
      if (code !== 0) throw new Error(`dd ended with ${code}`);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const copy of copies) rmSync(copy);
  return sizeBytes / 1e6 / seconds;
}

/** @returns lines of figures: durable writes per second, alone and with company, over blocks written before. */
export function disk(folder, seconds) {
  mkdirSync(folder, { recursive: true });
  const jobs = [
    { title: '4 KiB overwrite + fdatasync', jobs: 1, args: ['--bs=4k', '--size=64m', '--fdatasync=1'] },
    { title: '4 KiB overwrite + fdatasync', jobs: 16, args: ['--bs=4k', '--size=64m', '--fdatasync=1'] },
    { title: '128 KiB overwrite, O_DSYNC', jobs: 3, args: ['--bs=128k', '--size=256m', '--sync=dsync'] },
    { title: `${COPY_BYTES >> 20} MiB overwrite, O_DSYNC`, jobs: 3, args: ['--bs=1m', '--size=256m', '--sync=dsync'] },
  ];
  const rows = jobs.map((job) => ({ ...job, ...fio(folder, job, seconds) }));
  rmSync(folder, { recursive: true });
  return rows;
}

function fio(folder, { jobs, args }, seconds) {
  const common = ['--name=bench', `--directory=${folder}`, '--ioengine=psync', '--rw=write', '--overwrite=1'];
  const timing = ['--time_based', `--runtime=${seconds}`, '--group_reporting', '--output-format=json'];
  const output = execFileSync('fio', [...common, ...timing, `--numjobs=${jobs}`, ...args], { encoding: 'utf8' });
  const { write, sync } = JSON.parse(output.slice(output.indexOf('{'))).jobs[0];
  const flush = sync?.lat_ns?.percentile ?? {};
  const latency = flush['50.000000'] === undefined ? write.clat_ns.percentile : flush;
  return {
    perSecond: write.iops,
    megabytesPerSecond: write.bw_bytes / 1e6,
    p50Ms: latency['50.000000'] / 1e6,
    p99Ms: latency['99.000000'] / 1e6,
  };
}

/** Static files of the phases' sizes under the names that the phases ask for; one file and links to it. */
export function makeStaticFiles(www, phases, bigFile) {
  for (const phase of phases.filter(({ nginx, op }) => nginx && op === 'get')) {
    const folder = join(www, phase.name);
    mkdirSync(folder, { recursive: true });
    if (phase.stream) {
      execFileSync('ln', [bigFile, join(folder, 'o1')]);
      continue;
    }
    for (let index = 0; index <= phase.count; index += 1)
      writeFileSync(join(folder, `o${index}`), Buffer.alloc(phase.sizeBytes, index));
  }
}
