import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';

const PROGRAM = join(import.meta.dirname, 'openstack-shell.py');

export interface CommandResult {
  code: number;
  out: string;
  err: string;
}

/** OpenStack's own client, as one user, in one process of Debian's interpreter. */
export class OpenstackShell {
  private readonly running: ReturnType<typeof startShell>;
  private readonly lines: AsyncIterator<string>;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(environment: Record<string, string>) {
    this.running = startShell(environment);
    this.lines = createInterface({ input: this.running.stdout })[Symbol.asyncIterator]();
  }

  static start(environment: Record<string, string>): OpenstackShell {
    return new OpenstackShell(environment);
  }

  async end(): Promise<void> {
    this.running.stdin.end();
    await this.running;
  }

  /** @returns what a command printed, whatever came of it. */
  run(args: readonly string[]): Promise<CommandResult> {
    const result = this.last.then(async () => {
      this.running.stdin.write(`${JSON.stringify(args)}\n`);
      const { value, done } = await this.lines.next();
      if (done) throw new Error(`the client ended at: ${args.join(' ')}\n${(await this.running).stderr}`);
      return JSON.parse(value) as CommandResult;
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  /** @throws when the command fails. */
  async do(...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(args);
    if (code !== 0) throw new Error(`openstack ${args.join(' ')} ended with ${code}: ${err}`);
    return out;
  }

  /** The JSON that a command shows. @throws when the command fails. */
  async show<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    return JSON.parse(await this.do(...args, '-f', 'json')) as T;
  }
}

function startShell(environment: Record<string, string>) {
  return execa('/usr/bin/python3', [PROGRAM], {
    reject: false,
    extendEnv: false,
    env: { PATH: '/usr/bin:/bin', PYTHONWARNINGS: 'ignore', ...environment },
  });
}
