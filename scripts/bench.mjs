// npm run bench [-- NAME …]: the benchmarks; all of them without a name. `--profile [PHASE]`: where the time of a phase goes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

const BENCHES = ['start', 'ring', 'slab', 'engine', 'large', 'listings', 'identity', 'features', 'objects'];
const FILES = { ring: 'bench/ring-rebalance.mjs', '--profile': 'bench/profile.mjs' };

const fileOf = (name) => FILES[name] ?? `bench/${name}.mjs`;
const words = process.argv.slice(2);
const profile = words[0] === '--profile';
const names = profile
  ? ['--profile']
  : words.length > 0
    ? [...words]
    : BENCHES.filter((name) => existsSync(fileOf(name)));
const unknown = profile ? undefined : names.find((name) => !BENCHES.includes(name) || !existsSync(fileOf(name)));
if (unknown !== undefined) {
  console.error(`no benchmark is called '${unknown}'; there are: ${BENCHES.join(', ')}`);
  process.exit(64);
}
if (spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { stdio: 'inherit' }).status !== 0)
  process.exit(1);
let failed = false;
let running;
// the benchmarks end what they started: they must hear of it
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    failed = true;
    names.length = 0;
    running?.kill(signal);
  });
for (const name of names) {
  console.log(`\n=== ${name}`);
  const args = [fileOf(name), ...(profile ? words.slice(1) : [])];
  running = spawn(process.execPath, args, { stdio: 'inherit' });
  const [code] = await once(running, 'exit');
  failed ||= code !== 0;
}
process.exit(failed ? 1 : 0);
