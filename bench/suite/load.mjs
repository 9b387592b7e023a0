// The load generators: wrk, head-bench (wrk hangs on HEAD: it waits for the announced body) and curl for one long stream.
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, '../load');
const SCRIPT = join(FOLDER, 'object-bench.lua');
const WRK_THREADS = 2;
const LOAD_SECONDS = 600;
const OUTPUT_BYTES = 64 << 20;

/**
 * Requests over kept-alive connections for a time, or until the script has no more to do.
 *
 * @param side a running server (sides.mjs).
 * @param op put | get | delete | list | load (object-bench.lua says what each does).
 * @param path of the container and what names begin with, below the account.
 * @returns requests, seconds, milliseconds p50/p99, bad answers, bytes, and the number of names each thread made.
 */
export async function wrk(side, { op, path, clients, seconds, sizeBytes = 0, count = 1, counts = '' }) {
  const threads = op === 'load' ? 1 : Math.min(WRK_THREADS, clients);
  const args = [`-t${threads}`, `-c${clients}`, `-d${op === 'load' ? LOAD_SECONDS : seconds}`, '--timeout', '30s'];
  const environment = {
    OP: op,
    PREFIX: `${side.path}${path}`,
    SIZE: sizeBytes,
    COUNT: count,
    COUNTS: counts,
    TOKEN: side.token,
  };
  const { stdout } = await run('wrk', [...args, '-s', SCRIPT, `${side.origin}/`], {
    env: {
      ...process.env,
      ...Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, `${value}`])),
    },
    maxBuffer: OUTPUT_BYTES,
  });
  return parseResult(stdout);
}

/** HEAD requests of random ones of `count` names. */
export async function headBench(side, { path, clients, seconds, count, workFolder }) {
  const program = join(workFolder, 'head-bench');
  execFileSync('cc', ['-O2', '-w', '-o', program, join(FOLDER, 'head-bench.c')]);
  const { hostname, port } = new URL(side.origin);
  const args = [hostname, port, `${side.path}${path}`, count, clients, seconds].map(String);
  const { stdout } = await run(program, args, { env: { ...process.env, TOKEN: side.token } });
  return parseResult(stdout);
}

/** One PUT of a file or one GET to nowhere, timed by curl. */
export async function oneStream(side, { op, path, file, sizeBytes }) {
  const transfer = op === 'put' ? ['-T', file, '-H', 'Content-Type: application/octet-stream'] : [];
  const format = '%{http_code} %{time_total} %{size_download}';
  const args = ['-s', '-o', '/dev/null', '-w', format, '-H', `X-Auth-Token: ${side.token}`, ...transfer];
  const { stdout } = await run('curl', [...args, `${side.origin}${side.path}${path}`]);
  const [status, seconds, got] = stdout.split(' ').map(Number);
  const whole = status >= 200 && status < 300 && (op === 'put' || got === sizeBytes);
  const latencyMs = seconds * 1000;
  return { requests: 1, seconds, p50Ms: latencyMs, p99Ms: latencyMs, bad: whole ? 0 : 1, bytes: sizeBytes, counts: '' };
}

function parseResult(output) {
  const line = output.split('\n').find((each) => each.startsWith('RESULT'));
  if (!line) throw new Error(`the load generator gave no result:\n${output.slice(-500)}`);
  const fields = Object.fromEntries(
    line
      .split(' ')
      .slice(1)
      .map((field) => field.split('=')),
  );
  const value = (name) => Number(fields[name]);
  const broken = value('err_connect') + value('err_read') + value('err_write') + value('err_timeout');
  return {
    requests: value('requests'),
    seconds: value('dur_us') / 1e6,
    p50Ms: value('p50_us') / 1000,
    p99Ms: value('p99_us') / 1000,
    bad: value('err_status') + broken,
    bytes: value('bytes'),
    counts: fields.counters,
  };
}
