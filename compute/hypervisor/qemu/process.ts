import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { publishFile } from '../../../common/files/durable-file.ts';
import type { GuestPaths } from './paths.ts';

/** A process, told apart from a later one with the same number by when it started. */
export interface ProcessIdentity {
  pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since the machine booted. */
  startTicks: string;
}

interface RunFile extends ProcessIdentity {
  version: 1;
  uuid: string;
}

/**
 * Starts a QEMU that outlives us: a session and process group of its own, its output to a file, recorded in `run.json`.
 *
 * `exited` settles when it ends. What QEMU says goes to the guest's log.
 */
export async function launch(
  program: string,
  args: readonly string[],
  paths: GuestPaths,
  uuid: string,
): Promise<{ identity: ProcessIdentity; exited: Promise<void> }> {
  await rm(paths.qmpSocket, { force: true });
  const log = await open(paths.log, 'w', 0o600);
  try {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log.fd, log.fd], cwd: paths.folder });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    child.unref();
    const startTicks = await startTicksOf(pid);
    if (startTicks === undefined) throw new Error('QEMU ended at once');
    const identity = { pid, startTicks };
    await recordRun(paths, identity, uuid).catch(async (error: unknown) => {
      await signal(identity, 'SIGKILL'); // nobody would find it again
      throw error;
    });
    return { identity, exited };
  } finally {
    await log.close();
  }
}

export async function recordRun(paths: GuestPaths, identity: ProcessIdentity, uuid: string): Promise<void> {
  const run: RunFile = { version: 1, uuid, ...identity };
  await publishFile(paths.runFile, JSON.stringify(run));
}

/** The process that `run.json` names, or QEMU's own pid file if a crash came between the start and the record; if it still runs. */
export async function recordedProcess(paths: GuestPaths, uuid: string): Promise<ProcessIdentity | undefined> {
  const run = parseRun(await readFile(paths.runFile, 'utf8').catch(() => ''));
  if (run && run.uuid === uuid && (await isAlive(run))) return { pid: run.pid, startTicks: run.startTicks };
  const pid = Number(await readFile(paths.pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const startTicks = await startTicksOf(pid);
  return startTicks !== undefined && commandLine.split('\0').includes(uuid) ? { pid, startTicks } : undefined;
}

export async function isAlive({ pid, startTicks }: ProcessIdentity): Promise<boolean> {
  return (await startTicksOf(pid)) === startTicks;
}

/** Sends a signal to exactly this process; a no-op if it is gone. */
export async function signal(identity: ProcessIdentity, name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!(await isAlive(identity))) return;
  try {
    process.kill(identity.pid, name);
  } catch {
    // it ended between the question and the signal
  }
}

/** Undefined for a process that is gone, or dead and not yet collected by its parent. Spec: proc_pid_stat(5). */
async function startTicksOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // the second field is the program's name in parentheses, which may hold spaces and parentheses itself
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === undefined || state === '' || state === 'Z' || state === 'X' ? undefined : fields[19];
}

function parseRun(text: string): RunFile | undefined {
  try {
    const run = JSON.parse(text) as Partial<RunFile>;
    const whole = typeof run.pid === 'number' && typeof run.startTicks === 'string' && typeof run.uuid === 'string';
    return whole && run.version === 1 ? (run as RunFile) : undefined;
  } catch {
    return undefined;
  }
}
