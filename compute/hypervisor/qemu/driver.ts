import { mkdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { ApiError, invariant } from '../../../common/errors.ts';
import type { Logger } from '../../../common/log.ts';
import type { ComputeConfig } from '../../config.ts';
import { programMissing } from '../../errors.ts';
import {
  EXIT_GRACE_MS,
  HOUSEKEEPING_MS,
  KILL_TIMEOUT_MS,
  MOST_STDERR_CHARACTERS,
  POWER_OFF_GRACE_MS,
  QMP_CONNECT_TIMEOUT_MS,
} from '../../limits.ts';
import { QmpClient, QmpConnectionError } from '../../qmp/client.ts';
import type { GuestSpec, Hypervisor, HypervisorEvents, HypervisorFacts, VolumeDisk } from '../contract.ts';
import { commandLineOf } from './command-line.ts';
import { boundConsole, readConsole } from './console.ts';
import { GuestFolders } from './paths.ts';
import { plug, pluggedVolumes, unplug } from './plug.ts';
import { isAlive, launch, type ProcessIdentity, recordedProcess, recordRun, signal } from './process.ts';

export interface QemuOptions {
  config: Pick<ComputeConfig, 'qemu_path' | 'sandbox' | 'network' | 'initiator_prefix'>;
  /** Folder of the guests' folders. */
  root: string;
  logger: Logger;
}

interface RunningGuest {
  process: ProcessIdentity;
  qmp: QmpClient;
}

/** One QEMU per guest, driven over its machine protocol. */
export class QemuHypervisor implements Hypervisor {
  private readonly options: QemuOptions;
  readonly folders: GuestFolders;
  private readonly running = new Map<string, RunningGuest>();
  /** Guests whose end was asked for: it is no news. */
  private readonly ending = new Set<string>();
  private events: HypervisorEvents | undefined;
  private housekeeping: NodeJS.Timeout | undefined;
  private version: string | undefined;

  constructor(options: QemuOptions) {
    this.options = options;
    this.folders = new GuestFolders(options.root);
  }

  initiatorNameOf(id: string): string {
    return `${this.options.config.initiator_prefix}:${id}`;
  }

  async assertReady(): Promise<void> {
    if ((await this.qemuVersion()) === undefined) throw programMissing(this.options.config.qemu_path);
  }

  async facts(): Promise<HypervisorFacts> {
    const version = (await this.qemuVersion()) ?? '';
    return { type: 'QEMU', version, vcpus: availableParallelism(), memoryMib: Math.floor(totalmem() / (1 << 20)) };
  }

  async adopt(ids: readonly string[], events: HypervisorEvents): Promise<ReadonlySet<string>> {
    this.events = events;
    await this.folders.prepare();
    await Promise.all(ids.map((id) => this.adoptOne(id)));
    this.housekeeping = setInterval(() => void this.lookAfterGuests(), HOUSEKEEPING_MS);
    this.housekeeping.unref();
    return new Set(this.running.keys());
  }

  async boot(guest: GuestSpec): Promise<void> {
    invariant(!this.running.has(guest.id), `guest ${guest.id} runs already`);
    await this.assertReady();
    const paths = this.folders.of(guest.id);
    await mkdir(paths.folder, { recursive: true, mode: 0o700 });
    const args = commandLineOf(guest, paths, this.options.config);
    const { identity, exited } = await launch(this.options.config.qemu_path, args, paths, guest.id);
    try {
      const qmp = await connectWhenReady(paths.qmpSocket, exited);
      this.watch(guest.id, { process: identity, qmp });
      // a kernel of its own boots first: QEMU gives it boot index 0
      const volumes = guest.kernel ? guest.volumes.map(withoutBootIndex) : guest.volumes;
      for (const volume of volumes) await plug(qmp, volume, this.initiatorNameOf(guest.id));
      // the firmware reads the boot order at reset: the disks that were plugged just now are in it
      if (volumes.some(({ bootIndex }) => bootIndex !== undefined)) await qmp.execute('system_reset');
      await qmp.execute('cont');
    } catch (error) {
      await this.kill(guest.id, identity);
      if (error instanceof ApiError) throw error;
      const said = await readFile(paths.log, 'utf8').catch(() => '');
      throw new Error(`QEMU did not start: ${said.slice(-MOST_STDERR_CHARACTERS).trim()}`, { cause: error });
    }
  }

  isRunning(id: string): boolean {
    return this.running.has(id);
  }

  async volumesOf(id: string): Promise<ReadonlySet<string>> {
    const guest = this.running.get(id);
    return guest ? pluggedVolumes(guest.qmp) : new Set();
  }

  async attach(id: string, volume: VolumeDisk): Promise<void> {
    await plug(this.runningGuest(id).qmp, volume, this.initiatorNameOf(id));
  }

  async detach(id: string, volumeId: string): Promise<void> {
    const guest = this.running.get(id);
    if (!guest) return;
    try {
      await unplug(guest.qmp, volumeId);
    } catch (error) {
      if (error instanceof QmpConnectionError && (await hasEnded(guest.process))) return; // it has let go of everything
      throw error;
    }
  }

  async powerOff(id: string, force: boolean): Promise<void> {
    const guest = this.running.get(id);
    if (!guest) return;
    this.ending.add(id);
    if (!force) {
      await guest.qmp.execute('system_powerdown').catch(() => undefined);
      await Promise.race([guest.qmp.closed, delay(POWER_OFF_GRACE_MS, undefined, { ref: false })]);
    }
    await this.kill(id, guest.process);
  }

  async consoleOutput(id: string): Promise<string> {
    return readConsole(this.folders.of(id));
  }

  async destroy(id: string): Promise<void> {
    const paths = this.folders.of(id);
    const identity = this.running.get(id)?.process ?? (await recordedProcess(paths, id));
    if (identity) await this.kill(id, identity);
    await rm(paths.qmpSocket, { force: true });
    await rm(paths.folder, { recursive: true, force: true });
  }

  async release(): Promise<void> {
    clearInterval(this.housekeeping);
    for (const [id, { qmp }] of this.running) {
      this.ending.add(id);
      qmp.close();
    }
    this.running.clear();
  }

  /** A guest that answers with its UUID is ours; a process that is recorded and does not answer is ended: nobody could drive it. */
  private async adoptOne(id: string): Promise<void> {
    const paths = this.folders.of(id);
    const identity = await recordedProcess(paths, id);
    if (!identity) return;
    try {
      const qmp = await QmpClient.connect(paths.qmpSocket);
      const answer = (await qmp.execute('query-uuid')) as { UUID?: string };
      if (answer.UUID !== id) throw new Error(`QEMU at ${paths.qmpSocket} runs guest ${answer.UUID}`);
      const { status } = (await qmp.execute('query-status')) as { status?: string };
      if (status === 'prelaunch') throw new Error('its volumes were not plugged when the crash came');
      await recordRun(paths, identity, id);
      this.watch(id, { process: identity, qmp });
    } catch (error) {
      this.options.logger.warn({ err: error, server: id }, 'a running guest cannot be driven: it is ended');
      await this.kill(id, identity);
    }
  }

  private watch(id: string, guest: RunningGuest): void {
    this.running.set(id, guest);
    this.ending.delete(id);
    void guest.qmp.closed.then(() => this.connectionLost(id, guest));
  }

  /** QEMU closes its end when it exits; if it only dropped us, it is asked again. */
  private async connectionLost(id: string, guest: RunningGuest): Promise<void> {
    if (this.running.get(id) !== guest || this.ending.has(id)) return;
    const gone = await hasEnded(guest.process);
    if (this.running.get(id) !== guest || this.ending.has(id)) return;
    this.running.delete(id);
    if (!gone) await this.adoptOne(id);
    if (!this.running.has(id)) this.events?.guestEnded(id);
  }

  private async kill(id: string, identity: ProcessIdentity): Promise<void> {
    this.ending.add(id);
    this.running.get(id)?.qmp.close();
    this.running.delete(id);
    // QEMU flushes and closes its disks on SIGTERM
    await signal(identity, 'SIGTERM');
    const deadline = Date.now() + KILL_TIMEOUT_MS;
    while (await isAlive(identity)) {
      if (Date.now() > deadline) await signal(identity, 'SIGKILL');
      invariant(Date.now() < deadline + KILL_TIMEOUT_MS, `guest ${id} (pid ${identity.pid}) cannot be ended`);
      await delay(20);
    }
    this.ending.delete(id);
  }

  /** A guest that a disk error stopped goes on when the target is back: until then it stops again at once. */
  private async lookAfterGuests(): Promise<void> {
    for (const [id, { qmp }] of this.running) {
      try {
        const { status } = (await qmp.execute('query-status')) as { status?: string };
        if (status === 'io-error') {
          this.options.logger.warn({ server: id }, 'a disk error stopped the guest: it is told to try again');
          await qmp.execute('cont');
        }
        await boundConsole(this.folders.of(id));
      } catch (error) {
        if (this.running.has(id))
          this.options.logger.warn({ err: error, server: id }, 'a guest could not be looked after');
      }
    }
  }

  private runningGuest(id: string): RunningGuest {
    const guest = this.running.get(id);
    if (!guest) throw new Error(`guest ${id} does not run`);
    return guest;
  }

  /** Undefined where QEMU is not installed; asked again until it is. */
  private async qemuVersion(): Promise<string | undefined> {
    if (this.version === undefined) {
      const { stdout, failed } = await execa(this.options.config.qemu_path, ['--version'], {
        reject: false,
        timeout: 10_000,
      });
      if (!failed) this.version = /version (\d+(\.\d+)+)/.exec(stdout)?.[1] ?? 'unknown';
    }
    return this.version;
  }
}

/** Whether a guest whose connection broke is exiting: it is given a moment. */
async function hasEnded(identity: ProcessIdentity): Promise<boolean> {
  const deadline = Date.now() + EXIT_GRACE_MS;
  while (await isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

function withoutBootIndex({ volumeId, connection }: VolumeDisk): VolumeDisk {
  return { volumeId, connection };
}

/** Connects as soon as QEMU listens; gives up when it exits. */
async function connectWhenReady(socketPath: string, exited: Promise<void>): Promise<QmpClient> {
  let over = false;
  void exited.then(() => {
    over = true;
  });
  const deadline = Date.now() + QMP_CONNECT_TIMEOUT_MS;
  for (;;) {
    try {
      return await QmpClient.connect(socketPath);
    } catch (error) {
      if (over || Date.now() > deadline) throw error;
      await delay(50);
    }
  }
}
