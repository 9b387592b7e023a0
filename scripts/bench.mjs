// npm run bench [-- NAME …]: the benchmarks. Without a name: all that need nothing but this machine.
import { spawnSync } from 'node:child_process';

const BENCHES = {
  start: ['node', 'bench/start.mjs'],
  ring: ['node', 'bench/ring-rebalance.mjs'],
  objects: ['bash', 'bench/objects.sh'],
};

const names = process.argv.slice(2);
for (const name of names) {
  if (!(name in BENCHES)) {
    console.error(`no benchmark is called '${name}'; there are: ${Object.keys(BENCHES).join(', ')}`);
    process.exit(64);
  }
}
if (spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { stdio: 'inherit' }).status !== 0)
  process.exit(1);
let failed = false;
for (const name of names.length > 0 ? names : Object.keys(BENCHES)) {
  const [program, ...args] = BENCHES[name];
  console.log(`\n=== ${name}`);
  failed = spawnSync(program, args, { stdio: 'inherit' }).status !== 0 || failed;
}
process.exit(failed ? 1 : 0);
