// How often a server flushes per PUT, seen by strace: fsync, fdatasync, writes to files opened O_DSYNC, links and renames.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { wrk } from './load.mjs';
import { processTree } from './process-tree.mjs';

const FLUSHES = ['fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'msync'];
const NAMES = ['link', 'linkat', 'rename', 'renameat', 'renameat2'];
const WRITES = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2'];
const O_DSYNC = 0o10000;
const ATTACH_MS = 3000;
const QUIET_MS = 1500;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * @param path container and first part of the names, below the account; the container is there.
 * @returns per PUT: the count of each kind of call ('O_DSYNC write' among them), and of all that flush.
 */
export async function flushesPerPut(side, { path, clients, puts, sizeBytes, workFolder }) {
  const synced = syncedPaths(side.roots);
  // only where writes can flush: to trace each of them costs much
  const writes = synced.size > 0 ? WRITES : [];
  const calls = `trace=openat,${[...FLUSHES, ...NAMES, ...writes].join(',')}`;
  const traces = processTree(side.roots).map((pid) => {
    const file = join(workFolder, `strace.${pid}`);
    const child = spawn('strace', ['-f', '-y', '-s', '0', '-e', calls, '-p', `${pid}`, '-o', file], {
      stdio: 'ignore',
    });
    return { child, file, ended: once(child, 'exit') };
  });
  await pause(ATTACH_MS);
  const { requests } = await wrk(side, { op: 'load', path, clients, sizeBytes, count: puts });
  await pause(QUIET_MS);
  for (const { child } of traces) child.kill('SIGINT');
  await Promise.all(traces.map(({ ended }) => ended));
  for (const each of syncedPaths(side.roots)) synced.add(each);
  const counts = new Map();
  for (const { file } of traces) {
    await count(file, synced, counts);
    rmSync(file, { force: true });
  }
  const perPut = Object.fromEntries([...counts].map(([kind, times]) => [kind, times / requests]));
  const flushes = [...FLUSHES, 'O_DSYNC write'].reduce((sum, kind) => sum + (perPut[kind] ?? 0), 0);
  return { side: side.name, clients, puts: requests, flushes, perPut };
}

async function count(file, synced, counts) {
  const bump = (kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [, call, rest] = /^\d+\s+(\w+)\((.*)/.exec(line) ?? [];
    if (call === undefined) continue;
    const opened = /<([^>]*)>$/.exec(rest)?.[1];
    if (call === 'openat') {
      if (/\bO_D?SYNC\b/.test(rest) && opened) synced.add(opened);
    } else if (!WRITES.includes(call)) bump(call);
    else if (synced.has(/^\d+<([^>]*)>/.exec(rest)?.[1])) bump('O_DSYNC write');
  }
}

/** Files that the processes hold open so that each write is durable when it returns. */
function syncedPaths(roots) {
  const paths = new Set();
  for (const pid of processTree(roots)) {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        const flags = /^flags:\s+0?(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))[1];
        if (Number.parseInt(flags, 8) & O_DSYNC) paths.add(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        // closed meanwhile
      }
    }
  }
  return paths;
}
