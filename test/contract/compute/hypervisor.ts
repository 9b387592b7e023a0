import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GuestSpec, Hypervisor, HypervisorEvents, VolumeDisk } from '../../../compute/hypervisor/contract.ts';

export const GUEST_ID = '3f0c1c9e-52a5-4b0e-9d7f-0a4f6f1e2d3c';
const OTHER_ID = '9d0c1c9e-52a5-4b0e-9d7f-0a4f6f1e2d3c';

/** One implementation, made anew for each test, with what a guest of it is made of. */
export interface HypervisorBed {
  /** The implementation as a later life of the program makes it: it knows only what is on disk or runs. */
  next(): Promise<Hypervisor>;
  /** A guest that lets go of its disks. */
  spec(): Promise<GuestSpec>;
  /** A volume that can be connected, with a secret that is right. */
  volume(): Promise<VolumeDisk>;
  /** Waits until the guest is able to plug and unplug. */
  ready(hypervisor: Hypervisor): Promise<void>;
  /** Ends the guest as a crash or its own power-off does. */
  crash(hypervisor: Hypervisor): Promise<void>;
  remove(): Promise<void>;
}

/** What every hypervisor promises: `compute/hypervisor/contract.ts`. */
export function hypervisorContract(name: string, makeBed: () => Promise<HypervisorBed>): void {
  describe(`the hypervisor ${name}`, () => {
    let bed: HypervisorBed;
    let hypervisor: Hypervisor;
    let ended: string[];
    const events: HypervisorEvents = { guestEnded: (id) => ended.push(id) };

    beforeEach(async () => {
      ended = [];
      bed = await makeBed();
      hypervisor = await bed.next();
      expect(await hypervisor.adopt([GUEST_ID], events)).toEqual(new Set());
    });

    afterEach(async () => {
      await hypervisor.destroy(GUEST_ID);
      await hypervisor.release();
      await bed.remove();
    });

    it('has an initiator name of its own for each guest', () => {
      expect(hypervisor.initiatorNameOf(GUEST_ID)).toMatch(/^iqn\.\d{4}-\d{2}\./);
      expect(hypervisor.initiatorNameOf(GUEST_ID)).not.toBe(hypervisor.initiatorNameOf(OTHER_ID));
    });

    it('says what the machine offers', async () => {
      await hypervisor.assertReady();
      const facts = await hypervisor.facts();
      expect(facts.vcpus).toBeGreaterThan(0);
      expect(facts.memoryMib).toBeGreaterThan(0);
      expect(facts.version).toMatch(/^\d/);
    });

    it('knows nothing of a guest that was never booted, and ends it without complaint', async () => {
      expect(hypervisor.isRunning(OTHER_ID)).toBe(false);
      expect(await hypervisor.volumesOf(OTHER_ID)).toEqual(new Set());
      expect(await hypervisor.consoleOutput(OTHER_ID)).toBe('');
      await hypervisor.detach(OTHER_ID, 'no-volume');
      await hypervisor.powerOff(OTHER_ID, true);
      await hypervisor.destroy(OTHER_ID);
    });

    it('boots, powers off by force, and boots again; nobody is told of an end that was asked for', async () => {
      await hypervisor.boot(await bed.spec());
      expect(hypervisor.isRunning(GUEST_ID)).toBe(true);
      await expect(hypervisor.boot(await bed.spec())).rejects.toThrow();
      await hypervisor.powerOff(GUEST_ID, true);
      expect(hypervisor.isRunning(GUEST_ID)).toBe(false);
      await hypervisor.boot(await bed.spec());
      expect(hypervisor.isRunning(GUEST_ID)).toBe(true);
      await hypervisor.destroy(GUEST_ID);
      expect(await hypervisor.consoleOutput(GUEST_ID)).toBe('');
      expect(ended).toEqual([]);
    });

    it('gives a running guest a volume and takes it back; doing either twice changes nothing more', async () => {
      await hypervisor.boot(await bed.spec());
      await bed.ready(hypervisor);
      const volume = await bed.volume();
      await hypervisor.attach(GUEST_ID, volume);
      expect(await hypervisor.volumesOf(GUEST_ID)).toEqual(new Set([volume.volumeId]));
      await hypervisor.detach(GUEST_ID, volume.volumeId);
      await hypervisor.detach(GUEST_ID, volume.volumeId);
      expect(await hypervisor.volumesOf(GUEST_ID)).toEqual(new Set());
    });

    it('has no volume for a guest that does not run', async () => {
      await expect(hypervisor.attach(GUEST_ID, await bed.volume())).rejects.toThrow();
    });

    it('leaves guests running when it lets go, and finds them again with their volumes', async () => {
      const volume = await bed.volume();
      await hypervisor.boot({ ...(await bed.spec()), volumes: [volume] });
      await hypervisor.release();
      hypervisor = await bed.next();
      expect(await hypervisor.adopt([GUEST_ID, OTHER_ID], events)).toEqual(new Set([GUEST_ID]));
      expect(await hypervisor.volumesOf(GUEST_ID)).toEqual(new Set([volume.volumeId]));
      expect(ended).toEqual([]);
    });

    it('tells of a guest that ended by itself', async () => {
      await hypervisor.boot(await bed.spec());
      await bed.crash(hypervisor);
      await expect.poll(() => ended, { timeout: 30_000, interval: 10 }).toEqual([GUEST_ID]);
      expect(hypervisor.isRunning(GUEST_ID)).toBe(false);
    });
  });
}
