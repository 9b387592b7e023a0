import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log.ts';
import type { Device } from '../engine/device.ts';
import type { ListingUpdates } from '../updates/contract.ts';

/** What every action works with, beside its arguments. */
export interface ActionContext {
  device: Device;
  updates: ListingUpdates;
  clock: Clock;
  logger: Logger;
}
