import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { freePortOffset } from './free-ports.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/martlet');
const FOLDER_PREFIX = 'martlet-';
const READY = /^martlet is ready/m;
const START_MS = 60_000;
const STOP_MS = 45_000;

export interface MartletOptions {
  /** Data folder; a fresh temporary one unless given. */
  data?: string;
  portOffset?: number;
  args?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}

interface RunningProcess {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  /** The exit code; undefined after a signal. */
  ended: Promise<number | undefined>;
}

/** A real Martlet process with its data folder, driven by real clients. */
export class Martlet {
  readonly data: string;
  readonly portOffset: number;
  private readonly options: MartletOptions;
  private process: RunningProcess | undefined;
  private output = '';

  private constructor(data: string, portOffset: number, options: MartletOptions) {
    this.data = data;
    this.portOffset = portOffset;
    this.options = options;
  }

  static async start(options: MartletOptions = {}): Promise<Martlet> {
    const data = options.data ?? join(await mkdtemp(join(tmpdir(), FOLDER_PREFIX)), 'data');
    const martlet = new Martlet(data, options.portOffset ?? (await freePortOffset()), options);
    await martlet.up();
    return martlet;
  }

  get pid(): number {
    if (!this.process) throw new Error('martlet does not run');
    return this.process.pid;
  }

  /** Everything it has printed, standard output and error. */
  get printed(): string {
    return this.output;
  }

  /** Starts it, again after `down` or `kill`, on the same folder and ports; resolves at the ready line. */
  async up(): Promise<void> {
    this.output = '';
    const args = ['start', '--data', this.data, '--port-offset', String(this.portOffset), ...(this.options.args ?? [])];
    const running = execa(PROGRAM, args, {
      reject: false,
      all: true,
      buffer: false,
      env: { ...this.options.environment },
    });
    const { pid } = running;
    if (pid === undefined) throw new Error(`${PROGRAM} cannot be run`);
    const ended = running.then(({ exitCode }) => exitCode);
    this.process = { pid, kill: (signal) => void running.kill(signal), ended };
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not ready after ${START_MS} ms:\n${this.output}`)), START_MS);
      running.all.on('data', (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-200_000);
        if (READY.test(this.output)) resolve();
      });
      void ended.then((exitCode) => reject(new Error(`martlet ended with ${exitCode}:\n${this.output}`)));
      void ended.finally(() => clearTimeout(timer));
    });
  }

  /** SIGTERM; resolves with the exit code. */
  async down(): Promise<number | undefined> {
    return this.end('SIGTERM');
  }

  /** kill -9: what a crash does. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends it if it runs, and removes its data. */
  async remove(): Promise<void> {
    if (this.process) await this.down();
    const made = this.options.data === undefined ? dirname(this.data) : this.data;
    await rm(made, { recursive: true, force: true });
  }

  url(basePort: number, path = ''): string {
    return `http://127.0.0.1:${basePort + this.portOffset}${path}`;
  }

  /** Environment for OpenStack's own clients as a user of `clouds.yaml` or `openrc`. */
  async environment(who: 'demo' | 'admin' = 'demo'): Promise<Record<string, string>> {
    const name = who === 'admin' ? 'martlet-admin' : 'martlet';
    const { clouds } = parse(await readFile(join(this.data, 'clouds.yaml'), 'utf8')) as {
      clouds: Record<string, { auth: Record<string, string> }>;
    };
    const auth = clouds[name]?.auth ?? {};
    return {
      OS_CLIENT_CONFIG_FILE: join(this.data, 'clouds.yaml'),
      OS_AUTH_URL: auth['auth_url'] ?? '',
      OS_USERNAME: auth['username'] ?? '',
      OS_PASSWORD: auth['password'] ?? '',
      OS_PROJECT_NAME: auth['project_name'] ?? '',
      OS_USER_DOMAIN_ID: 'default',
      OS_PROJECT_DOMAIN_ID: 'default',
      OS_IDENTITY_API_VERSION: '3',
      OS_REGION_NAME: 'RegionOne',
    };
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | undefined> {
    const running = this.process;
    if (!running) return undefined;
    running.kill(signal);
    const timer = setTimeout(() => running.kill('SIGKILL'), STOP_MS);
    const exitCode = await running.ended;
    clearTimeout(timer);
    this.process = undefined;
    return exitCode;
  }
}
