export interface TestCuResults {
  passed: string[];
  /** CUnit counts a skipped test as passed: what skips says so in a line of its own. */
  skipped: string[];
  failed: string[];
  summary: { suites: number; tests: number };
}

/** Reads the log of `iscsi-test-cu --verbose`; tests are named `Suite.Test`. */
export function parseTestCuLog(log: string): TestCuResults {
  const results: TestCuResults = { passed: [], skipped: [], failed: [], summary: { suites: 0, tests: 0 } };
  let suite = '';
  let test: { name: string; skipped: boolean } | undefined;
  for (const line of log.split('\n')) {
    const begun = /^\s*Test: (\S+) \.\.\./.exec(line);
    suite = /^\s*Suite: (\S+)/.exec(line)?.[1] ?? suite;
    if (begun !== null) test = { name: `${suite}.${begun[1]}`, skipped: false };
    if (test !== undefined) {
      if (line.includes('[SKIPPED]')) test.skipped = true;
      // The verdict stands at the end of the line that names the test, or on its own after what the test printed.
      if (/(^|\.\.\.)FAILED/.test(line)) results.failed.push(test.name);
      else if (/(^|\.\.\.)passed/.test(line)) (test.skipped ? results.skipped : results.passed).push(test.name);
    }
    const count = /^\s*(suites|tests)\s+(\d+)\s+\d+/.exec(line);
    if (count !== null) results.summary[count[1] === 'suites' ? 'suites' : 'tests'] = Number(count[2]);
  }
  return results;
}
