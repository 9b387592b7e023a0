// Runs one part of the tests under a time budget and counts what happened.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const GRACE_MS = 20_000;

/**
 * @returns passed, failed, skipped; a run that broke off counts as one failure more.
 */
export async function runVitest({ name, project, file, minutes }) {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-test-'));
  const report = join(folder, 'report.json');
  const args = [
    '--no-install',
    'vitest',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  if (file) args.push(file);
  console.log(`\n=== ${name} (at most ${minutes} min)`);
  const child = spawn('npx', args, { stdio: 'inherit', detached: true });
  const status = await exitWithin(child, minutes * 60_000);
  const counts = readCounts(report);
  rmSync(folder, { recursive: true });
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  if (status === 'timeout') console.error(`=== ${name}: ended after its ${minutes} minutes`);
  if (status === 0 && counts.passed + counts.skipped === 0) counts.failed = 1;
  return counts;
}

/** Resolves with the exit code, or 'timeout' after ending the child's own process group. */
function exitWithin(child, milliseconds) {
  return new Promise((resolve) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      process.kill(-child.pid, 'SIGTERM');
      setTimeout(() => killGroup(child.pid), GRACE_MS).unref();
    }, milliseconds);
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(timedOut ? 'timeout' : code);
    });
  });
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // the group is gone already
  }
}

function readCounts(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numFailedTestSuites } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const failed = numFailedTests > 0 ? numFailedTests : numFailedTestSuites;
    return { passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
