// Where the time of a phase goes, on ours alone.
//
//   npm run bench -- --profile [PHASE]     put4k unless given; bench/suite/phases.mjs names them, options.mjs the settings
//
// Prints self time by folder and by function of each thread that did something, and the CPU of threads that run no
// JavaScript; leaves a .cpuprofile per thread in bench/results/ (open it in a browser's or an editor's profiler).
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { summarize } from './profile/summary.mjs';
import { threadSeconds, threadsBetween } from './profile/threads.mjs';
import { makeFile } from './suite/ceilings.mjs';
import { options } from './suite/options.mjs';
import { phasesFor } from './suite/phases.mjs';
import { probe, runPhase } from './suite/run-phase.mjs';
import { startMartlet } from './suite/sides.mjs';

const WRITE_MS = 15_000;
const TOP_FUNCTIONS = 25;
const LEAST_MS = 20;
/** Of all CPU: a thread that used less is not named. */
const LEAST_SHARE = 0.08;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const chosen = process.argv[2] ?? 'put4k';
const phases = phasesFor(options);
const phase = phases.find(({ name }) => name === chosen);
if (!phase) {
  console.error(`no phase is called '${chosen}'; there are: ${phases.map(({ name }) => name).join(', ')}`);
  process.exit(64);
}
const { root } = options;
const workFolder = join(root, 'work');
const profiles = join(workFolder, 'profiles');
const bigFile = join(workFolder, 'big');
rmSync(root, { recursive: true, force: true });
mkdirSync(profiles, { recursive: true });
chmodSync(root, 0o755);
let martlet;
try {
  if (phase.stream) makeFile(bigFile, options.bigMiB);
  const hook = join(import.meta.dirname, 'profile/hook.mjs');
  martlet = await startMartlet({
    folder: join(root, 'martlet'),
    workers: options.ourWorkers,
    environment: { NODE_OPTIONS: `--import ${hook}`, BENCH_PROFILE_FOLDER: profiles },
  });
  await probe(martlet);
  const context = (tag, seconds) => ({ tag, seconds, bigFile, workFolder, putNames: new Map() });
  // names to delete, and code that V8 has compiled
  const warm = context('warm', options.warmSeconds);
  const profiled = { ...context('profiled', options.seconds), putNames: warm.putNames };
  if (chosen === 'delete4k') {
    for (const tag of ['warm', 'profiled']) await runPhase(martlet, phases[0], { ...profiled, tag });
  }
  await runPhase(martlet, phase, warm);

  const before = threadSeconds(martlet.roots[0]);
  martlet.signal('SIGUSR2');
  const row = await runPhase(martlet, phase, profiled);
  martlet.signal('SIGUSR2');
  const threads = threadsBetween(before, threadSeconds(martlet.roots[0]));
  await profilesWritten();
  print(row, threads);
} finally {
  await martlet?.stop();
  rmSync(root, { recursive: true, force: true });
}

/** One file per thread that was profiled: as many as stay the same for a while. */
async function profilesWritten() {
  let last = -1;
  for (const end = Date.now() + WRITE_MS; Date.now() < end; ) {
    await pause(1500);
    const names = readdirSync(profiles);
    const done = names.filter((name) => name.endsWith('.cpuprofile')).length;
    if (done > 0 && done === last && done === names.length) return;
    last = done;
  }
}

function print(row, threads) {
  console.log(
    `${phase.title}, ${phase.clients} clients, under the profiler: ${row.perSecond.toFixed(1)}/s, ${row.cpuMs.toFixed(3)} ms CPU per request, ${row.bad} bad`,
  );
  console.log('\nCPU by thread (preparation of the phase included):');
  const all = threads.reduce((sum, { seconds }) => sum + seconds, 0);
  const busiest = threads.filter(({ seconds }) => seconds >= LEAST_SHARE * all);
  const rest = threads.slice(busiest.length).reduce((sum, { seconds }) => sum + seconds, 0);
  for (const { id, name, seconds } of busiest) console.log(`  ${seconds.toFixed(2).padStart(7)} s  ${name} ${id}`);
  console.log(
    `  ${rest.toFixed(2).padStart(7)} s  ${threads.length - busiest.length} others: libuv's pool, LevelDB, V8`,
  );
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  for (const name of readdirSync(profiles).filter((each) => each.endsWith('.cpuprofile'))) {
    const { totalMs, idleMs, functions, folders } = summarize(JSON.parse(readFileSync(join(profiles, name), 'utf8')));
    const busyMs = totalMs - idleMs;
    const saved = join(results, `${chosen}-${name}`);
    cpSync(join(profiles, name), saved);
    if (busyMs < LEAST_MS) continue;
    const share = (ms) =>
      `${((100 * ms) / busyMs).toFixed(1).padStart(5)} %  ${ms.toFixed(0).padStart(6)} ms  ${((1000 * ms) / row.requests).toFixed(1).padStart(7)} us/req`;
    console.log(`\n${name}: busy ${busyMs.toFixed(0)} of ${totalMs.toFixed(0)} ms; ${saved}`);
    for (const { folder, ms } of folders) console.log(`  ${share(ms)}  ${folder}`);
    console.log('  self time:');
    for (const { name: called, where, ms } of functions.slice(0, TOP_FUNCTIONS))
      console.log(`  ${share(ms)}  ${called} ${where}`);
  }
  if (!existsSync(join(profiles, 'main.cpuprofile'))) console.log('no profile was written');
}
