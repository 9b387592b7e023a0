// What a server costs: CPU, memory and system calls of a process with all its descendants, threads included.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Fields of /proc/PID/stat after the command's name (which may hold spaces): [0] is the state. Undefined if it is gone. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** @returns the given process ids that are alive, and those of all their descendants. */
export function processTree(roots) {
  const parents = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(name);
    if (stat) parents.set(Number(name), Number(stat[1]));
  }
  const found = new Set(roots.filter((pid) => parents.has(pid)));
  for (let grown = true; grown; ) {
    grown = false;
    for (const [pid, parent] of parents) {
      if (found.has(pid) || !found.has(parent)) continue;
      found.add(pid);
      grown = true;
    }
  }
  return [...found];
}

/** Seconds of user and system time that the tree has used, children it has waited for included. */
export function cpuSeconds(roots) {
  let ticks = 0;
  for (const pid of processTree(roots)) {
    const stat = statOf(pid);
    if (stat) ticks += stat.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Megabytes (10^6) of the whole tree. Forked workers share pages with their parent: RSS counts them twice, PSS once. */
export function memory(roots) {
  const total = { processes: 0, rssMB: 0, pssMB: 0 };
  for (const pid of processTree(roots)) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      total.processes += 1;
      total.rssMB += (Number(/^Rss:\s+(\d+)/m.exec(text)[1]) * 1024) / 1e6;
      total.pssMB += (Number(/^Pss:\s+(\d+)/m.exec(text)[1]) * 1024) / 1e6;
    } catch {
      // it ended meanwhile
    }
  }
  return total;
}

/** Seconds that all processors were busy since boot. */
export function machineBusySeconds() {
  const [user, nice, system, , , irq, softIrq] = readFileSync('/proc/stat', 'utf8').split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softIrq) / TICKS_PER_SECOND;
}

/** Seconds of this process and of the children it has waited for: the load generators. */
export function ownSeconds() {
  return (
    statOf(process.pid)
      .slice(11, 15)
      .reduce((sum, field) => sum + Number(field), 0) / TICKS_PER_SECOND
  );
}
