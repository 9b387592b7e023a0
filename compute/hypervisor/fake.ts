import { invariant } from '../../common/errors.ts';
import type { GuestSpec, Hypervisor, HypervisorEvents, HypervisorFacts, VolumeDisk } from './contract.ts';

interface FakeGuest {
  running: boolean;
  volumes: Set<string>;
  console: string;
}

/** Guests that are records in memory: for tests of clients and of hundreds of servers. Nothing is run or connected. */
export class FakeHypervisor implements Hypervisor {
  private readonly initiatorPrefix: string;
  private readonly guests = new Map<string, FakeGuest>();
  private events: HypervisorEvents | undefined;

  constructor(initiatorPrefix: string) {
    this.initiatorPrefix = initiatorPrefix;
  }

  initiatorNameOf(id: string): string {
    return `${this.initiatorPrefix}:${id}`;
  }

  async assertReady(): Promise<void> {}

  async facts(): Promise<HypervisorFacts> {
    return { type: 'fake', version: '1.0', vcpus: 1024, memoryMib: 1 << 20 };
  }

  async adopt(ids: readonly string[], events: HypervisorEvents): Promise<ReadonlySet<string>> {
    this.events = events;
    return new Set(ids.filter((id) => this.isRunning(id)));
  }

  async boot(guest: GuestSpec): Promise<void> {
    invariant(!this.isRunning(guest.id), `guest ${guest.id} runs already`);
    const volumes = new Set(guest.volumes.map(({ volumeId }) => volumeId));
    const console = this.guests.get(guest.id)?.console ?? '';
    this.guests.set(guest.id, { running: true, volumes, console: `${console}fake guest ${guest.id} booted\n` });
  }

  isRunning(id: string): boolean {
    return this.guests.get(id)?.running ?? false;
  }

  async volumesOf(id: string): Promise<ReadonlySet<string>> {
    return new Set(this.isRunning(id) ? this.guests.get(id)?.volumes : []);
  }

  async attach(id: string, volume: VolumeDisk): Promise<void> {
    this.runningGuest(id).volumes.add(volume.volumeId);
  }

  async detach(id: string, volumeId: string): Promise<void> {
    this.guests.get(id)?.volumes.delete(volumeId);
  }

  async powerOff(id: string): Promise<void> {
    const guest = this.guests.get(id);
    if (guest) this.guests.set(id, { ...guest, running: false, volumes: new Set() });
  }

  async consoleOutput(id: string): Promise<string> {
    return this.guests.get(id)?.console ?? '';
  }

  async destroy(id: string): Promise<void> {
    this.guests.delete(id);
  }

  async release(): Promise<void> {}

  /** For tests: the guest powers itself off. */
  async end(id: string): Promise<void> {
    await this.powerOff(id);
    this.events?.guestEnded(id);
  }

  private runningGuest(id: string): FakeGuest {
    const guest = this.guests.get(id);
    invariant(guest?.running, `guest ${id} does not run`);
    return guest;
  }
}
