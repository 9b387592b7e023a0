import { type DeviceShare, openDeviceShare } from '../../../object-server/engine/shared-state.ts';

/** Shares as a new process has them, in memory that former ones have used: nobody of those may be at work any more. */
export class ShareSupply {
  private readonly shares = new Map<string, DeviceShare>();

  fresh(device: string): DeviceShare {
    const share = this.shares.get(device) ?? openDeviceShare();
    this.shares.set(device, share);
    new Uint8Array(share.buffer).fill(0);
    return share;
  }
}
