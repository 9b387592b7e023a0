import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TargetExport } from '../../../volume/targets/contract.ts';

const ENTRY = join(import.meta.dirname, 'target-process.mjs');
const COMPILED = join(import.meta.dirname, '../../../dist/volume/targets/built-in.js');

/** The built-in target, compiled, in a process that can be killed. */
export class TargetProcess {
  readonly port: number;
  #logged = '';
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** @param port 0 for a free one. */
  static async start(definitions: readonly TargetExport[], port = 0): Promise<TargetProcess> {
    if (!existsSync(COMPILED)) throw new Error(`${COMPILED} is missing: npm run build`);
    const child = spawn(process.execPath, [ENTRY, String(port), JSON.stringify(definitions)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let logged = '';
    child.stderr.on('data', (chunk: Buffer) => {
      logged += chunk.toString();
    });
    const [line] = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error(`the target did not start: ${logged}`))),
    ]);
    const { port: bound } = JSON.parse(String(line)) as { port: number };
    const target = new TargetProcess(child, bound);
    child.stderr.on('data', (chunk: Buffer) => {
      target.#logged += chunk.toString();
    });
    target.#logged = logged;
    return target;
  }

  /** Everything it has logged. */
  get logged(): string {
    return this.#logged;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @returns the exit code; null after a signal that it did not handle. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (!this.running) return this.#child.exitCode;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
    return this.#child.exitCode;
  }
}
