// npm run test:conformance [-- --only NAME]: the outside judges alone, or one of them.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { JUDGES } from './judges.mjs';
import { runVitest } from './run-vitest.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const { only } = parseArgs({ options: { only: { type: 'string' } } }).values;
const chosen = JUDGES.filter(({ name }) => only === undefined || name === only);
if (chosen.length === 0) {
  console.error(`no judge is called '${only}'; there are: ${JUDGES.map(({ name }) => name).join(', ')}`);
  process.exit(64);
}
if (!ensureSystemPackages()) process.exit(69);
if (spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { stdio: 'inherit' }).status !== 0)
  process.exit(1);

let failed = 0;
for (const judge of chosen) failed += (await runVitest(judge)).failed;
process.exit(failed === 0 ? 0 : 1);
