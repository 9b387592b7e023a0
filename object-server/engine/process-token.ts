import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * Names this process among all that ever ran on this machine, the same in each of its threads: what carries another name was
 * left by a process that is gone.
 */
export function processToken(): string {
  return createHash('sha256').update(`${process.pid} ${startOfProcess()}`).digest('hex').slice(0, 16);
}

function startOfProcess(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // field 22: the name before may hold blanks
    return `${boot} ${startTicks}`;
  } catch {
    return 'unknown'; // no /proc: leftovers of a process with our pid wait for a later start
  }
}
