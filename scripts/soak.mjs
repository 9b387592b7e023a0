// npm run soak [-- --kills N]: a Martlet under mixed load, killed with kill -9 again and again. Everything acknowledged must be there.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { kills } = parseArgs({ options: { kills: { type: 'string', default: '300' } } }).values;
if (!/^[1-9]\d{0,4}$/.test(kills)) {
  console.error('--kills is a number from 1 on');
  process.exit(64);
}
const run = (command, args, env = {}) =>
  spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;

const built = run(process.execPath, ['scripts/build.mjs', '--if-stale']);
if (built !== 0) process.exit(built);
const test = ['--no-install', 'vitest', 'run', '--project', 'probe', 'test/probe/soak.test.ts'];
process.exit(run('npx', test, { SOAK_KILLS: kills }));
