// Ours and Debian's Swift (same devices, same replicas) phase by phase in turn, and the machine's own ceilings beside them.
//
//   npm run bench -- objects         ROUNDS=3 SECS=10 PHASES="put4k get4k" PEER=0 …: bench/suite/options.mjs
//
// Needs root, wrk, a C compiler, strace, nginx and fio; the peer's script installs Swift. Results, in bench/results/:
// objects-<time>.tsv (every round) and objects-<time>.md (medians, targets).
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { disk, fill, makeFile, makeStaticFiles, parallelDd } from './suite/ceilings.mjs';
import { flushesPerPut } from './suite/flushes.mjs';
import { options } from './suite/options.mjs';
import { phasesFor } from './suite/phases.mjs';
import { memory } from './suite/process-tree.mjs';
import { toMarkdown, toTsv } from './suite/report.mjs';
import { container, empty, probe, runPhase } from './suite/run-phase.mjs';
import { startMartlet, startNginx, startSwift } from './suite/sides.mjs';

const IDLE_MS = 5000;
const WARM_TAG = 'warm';
const FLUSH_RUNS = [
  { clients: 1, puts: 200 },
  { clients: 32, puts: 500 },
];

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const say = (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);

const { root } = options;
const phases = phasesFor(options).filter(({ name }) => options.phases === undefined || options.phases.includes(name));
const workFolder = join(root, 'work');
const bigFile = join(workFolder, 'big');
const running = [];
const result = { phases, rows: [], ddRates: [], memory: [], flushes: [], diskRows: [], machine: describeMachine() };

rmSync(root, { recursive: true, force: true });
mkdirSync(workFolder, { recursive: true });
chmodSync(root, 0o755);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void finish().then(() => process.exit(1)));
try {
  await measure();
  publish();
} finally {
  await finish();
}

async function measure() {
  const needsBig = phases.some(({ stream }) => stream);
  if (needsBig) makeFile(bigFile, options.bigMiB);
  say(`writing and freeing ${options.fillGiB} GiB for each side, so that no side meets fresh blocks`);
  for (const name of ['martlet', ...(options.peer ? ['swift'] : [])]) fill(join(root, name), options.fillGiB);
  const { seconds, workers } = options;
  const { martlet, swift } = await startServers();
  await pause(IDLE_MS);
  noteMemory('idle');
  const putNames = new Map();
  const context = (tag, length) => ({ tag, seconds: length, bigFile, workFolder, putNames });
  for (const side of running) await probe(side);
  await warmUp(context(WARM_TAG, options.warmSeconds));

  const www = join(root, 'www');
  const nginxes = [];
  if (options.ceilings) {
    makeStaticFiles(www, phases, bigFile);
    for (const sendfile of [false, true]) {
      const folder = join(root, sendfile ? 'nginx-sendfile' : 'nginx');
      nginxes.push(await start(startNginx({ folder, sendfile, www, workers })));
    }
  }
  for (const phase of phases) {
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const side of [martlet, ...(swift ? [swift] : []), ...(phase.nginx ? nginxes : [])]) {
        execFileSync('sync');
        await pause(1000);
        const row = await runPhase(side, phase, context(`r${round}`, seconds));
        result.rows.push(row);
        say(
          `${phase.name} round ${round} ${side.name}: ${row.perSecond.toFixed(1)}/s, ${row.megabytesPerSecond.toFixed(0)} MB/s, ${row.cpuMs.toFixed(3)} ms CPU, p50 ${row.p50Ms.toFixed(2)} p99 ${row.p99Ms.toFixed(2)} ms, bad ${row.bad}`,
        );
      }
      if (phase.target.ddRate && options.ceilings) await noteDd(phase);
    }
    if (phase.op === 'put' && phase.name !== 'put4k') await recycle(phase);
  }
  noteMemory('after');
  if (options.flushes) await countFlushes(martlet, swift);
  if (options.ceilings) result.diskRows = disk(join(root, 'fio'), Math.min(seconds, 5));
}

async function startServers() {
  const { workers } = options;
  const martlet = await start(startMartlet({ folder: join(root, 'martlet'), workers: options.ourWorkers }));
  const swift = options.peer ? await start(startSwift({ folder: join(root, 'swift'), workers })) : undefined;
  return { martlet, swift };
}

async function start(starting) {
  const side = await starting;
  running.push(side);
  say(`${side.name} is up at ${side.origin}`);
  return side;
}

/** Every phase once, shortly, on each side; then what it made is deleted, so that its blocks are there to be used again. */
async function warmUp(context) {
  const warmed = phases.filter(({ stream, op }) => !stream && op !== 'list');
  for (const side of running) {
    for (const phase of warmed) await runPhase(side, phase, context);
    for (const phase of warmed) if (phase.op === 'put') await empty(side, container(phase, WARM_TAG));
    say(`${side.name} is warm`);
  }
}

/** The first copies meet blocks that may be fresh: only the second ones count. */
async function noteDd(phase) {
  await parallelDd(join(root, 'dd'), bigFile, phase.sizeBytes);
  const rate = await parallelDd(join(root, 'dd'), bigFile, phase.sizeBytes);
  result.ddRates.push(rate);
  say(`3 parallel dd: ${rate.toFixed(0)} MB/s each`);
}

async function recycle(phase) {
  for (const side of running.filter(({ name }) => !name.startsWith('nginx')))
    for (let round = 1; round <= options.rounds; round += 1) await empty(side, container(phase, `r${round}`));
}

function noteMemory(when) {
  for (const side of running.filter(({ name }) => !name.startsWith('nginx')))
    result.memory.push({ side: side.name, when, ...memory(side.roots) });
}

async function countFlushes(martlet, swift) {
  for (const { clients, puts } of FLUSH_RUNS) {
    for (const side of [martlet, ...(swift ? [swift] : [])]) {
      const path = `/probe/c${clients}-`;
      const counted = await flushesPerPut(side, { path, clients, puts, sizeBytes: 4096, workFolder });
      result.flushes.push(counted);
      say(`${side.name}, ${clients} clients: ${counted.flushes.toFixed(2)} flushes per PUT`);
    }
  }
}

function publish() {
  const folder = join(import.meta.dirname, 'results');
  const name = join(folder, `objects-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`);
  const markdown = toMarkdown(result);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${name}.tsv`, toTsv(result.rows));
  writeFileSync(`${name}.md`, markdown);
  console.log(`\n${markdown}\n\nwritten: ${name}.tsv and .md`);
}

async function finish() {
  for (const side of running.splice(0).reverse()) await side.stop();
  rmSync(root, { recursive: true, force: true });
}

function describeMachine() {
  const swift = options.peer ? packageVersion('swift') : 'left out';
  const disk = execFileSync('findmnt', ['-n', '-o', 'SOURCE,FSTYPE,OPTIONS', '--target', '/srv'], { encoding: 'utf8' });
  const memoryGiB = (totalmem() / 2 ** 30).toFixed(0);
  return `${new Date().toISOString().slice(0, 16)}: ${cpus().length} cores, ${memoryGiB} GiB, Linux ${release()}, Node ${process.version}, disk ${disk.trim()}; Swift ${swift}, 4 devices and 3 replicas on both; ${options.rounds} round(s) of ${options.seconds} s a phase, ${options.workers} workers each of Swift's servers, ${options.ourWorkers ?? 'as by default'} of ours.`;
}

function packageVersion(name) {
  const format = '$'.concat('{Version}');
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', format, name], { encoding: 'utf8' });
  return stdout || 'of Debian';
}
