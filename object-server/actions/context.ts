import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log.ts';
import type { Device } from '../engine/device.ts';
import type { ListingReporter } from '../updates/listing-reporter.ts';

/** What every action works with, beside its arguments. */
export interface ActionContext {
  device: Device;
  reporter: ListingReporter;
  clock: Clock;
  logger: Logger;
}
