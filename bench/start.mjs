// How long from `npm start` (built) to the ready line, and how much memory all services take idle with 2 workers.
// Promise: <= 2 s, <= 200 MB RSS. Three cold starts on fresh folders, and the median; then three on the same folder.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MOST_SECONDS = 2;
const MOST_MEGABYTES = 200;
const RUNS = 3;
const IDLE_MS = 5000;
const OFFSET = 21_000;

const folder = mkdtempSync(join(tmpdir(), 'martlet-bench-'));
const rows = [];
try {
  for (let run = 0; run < RUNS; run += 1)
    rows.push({ kind: 'first start', ...(await measure(join(folder, `cold-${run}`))) });
  for (let run = 0; run < RUNS; run += 1)
    rows.push({ kind: 'later start', ...(await measure(join(folder, 'cold-0'))) });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows);
const seconds = median(rows.map((row) => row.seconds));
const megabytes = median(rows.map((row) => row['RSS MB']));
const ok = seconds <= MOST_SECONDS && megabytes <= MOST_MEGABYTES;
console.log(
  `median ${seconds} s to ready (at most ${MOST_SECONDS}), ${megabytes} MB RSS idle (at most ${MOST_MEGABYTES}): ${ok ? 'kept' : 'MISSED'}`,
);
process.exit(ok ? 0 : 1);

async function measure(data) {
  const started = performance.now();
  const npm = spawn(
    'npm',
    ['start', '--silent', '--', '--data', data, '--port-offset', String(OFFSET), '--workers', '2'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    },
  );
  await new Promise((resolve, reject) => {
    npm.stdout.on('data', (chunk) => chunk.toString().includes('martlet is ready') && resolve());
    npm.on('exit', (code) => reject(new Error(`npm start ended with ${code}`)));
  });
  const seconds = Number(((performance.now() - started) / 1000).toFixed(2));
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const pid = Number(readFileSync(join(data, 'martlet.pid'), 'utf8').split(' ')[0]);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1000);
  const ended = new Promise((resolve) => npm.on('exit', resolve));
  process.kill(pid, 'SIGTERM');
  await ended;
  return { seconds, 'RSS MB': megabytes };
}

function median(values) {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
}
