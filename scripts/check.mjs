// npm run check: format and lint, types, layers, dead code, documents. Every step runs; the first failure decides the exit code.
import { spawnSync } from 'node:child_process';
import { checkDocs } from './check-docs.mjs';

const FEWEST_MODULES = 100; // dependency-cruiser that resolves nothing reports success: refuse that

const steps = [
  ['format and lint', ['biome', 'check', '--error-on-warnings', '.']],
  ['types', ['tsc', '-p', 'tsconfig.json']],
  ['dead code', ['knip']],
];

let failed = false;
for (const [name, command] of steps) failed = !run(name, command) || failed;
failed = !layers() || failed;
failed = !documents() || failed;
process.exit(failed ? 1 : 0);

function run(name, command) {
  const started = Date.now();
  const { status } = spawnSync('npx', ['--no-install', ...command], { stdio: 'inherit' });
  console.log(`check: ${name}: ${status === 0 ? 'ok' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return status === 0;
}

function documents() {
  const problems = checkDocs();
  for (const problem of problems) console.error(`documents: ${problem}`);
  console.log(`check: documents: ${problems.length === 0 ? 'ok' : 'FAILED'}`);
  return problems.length === 0;
}

function layers() {
  const folders = 'ring proxy object-server container-server volume image auth compute openstack common cli'.split(' ');
  const command = [
    '--no-install',
    'depcruise',
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
    ...folders,
  ];
  const { stdout } = spawnSync('npx', command, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const { summary } = JSON.parse(stdout);
  for (const { rule, from, to } of summary.violations) console.error(`layers: ${rule.name}: ${from} -> ${to}`);
  const modules = summary.totalCruised;
  if (modules < FEWEST_MODULES) console.error(`layers: only ${modules} modules were read: the resolver is broken`);
  const ok = summary.violations.length === 0 && modules >= FEWEST_MODULES;
  console.log(`check: layers: ${ok ? 'ok' : 'FAILED'} (${modules} modules)`);
  return ok;
}
