// npm test: everything, outside judges included. Ends with one line: N passed, N failed, N skipped.
import { spawnSync } from 'node:child_process';
import { JUDGES, unjudgedFiles } from './judges.mjs';
import { runVitest } from './run-vitest.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const total = { passed: 0, failed: 0, skipped: 0 };

function add({ passed, failed, skipped }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

/** A step that is no test file: it counts as one. */
function step(name, ok) {
  if (!ok) console.error(`=== ${name}: FAILED`);
  add({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });
  return ok;
}

const script = (name) => spawnSync(process.execPath, [`scripts/${name}`], { stdio: 'inherit' }).status === 0;

step('check', script('check.mjs'));
const unjudged = unjudgedFiles();
if (unjudged.length > 0) console.error(`no judge runs ${unjudged.join(', ')}`);
step('every judge is run', unjudged.length === 0);
const built = step('build', script('build.mjs'));
add(await runVitest({ name: 'fast', project: 'fast', minutes: 6 }));
const equipped = step('system packages', ensureSystemPackages());
if (built && equipped) for (const judge of JUDGES) add(await runVitest(judge));

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);
