import { InvariantError } from '../../common/errors.ts';
import type { VolumeDriver } from '../drivers/contract.ts';
import type { VolumeParts } from '../parts.ts';
import type { PoolState } from './pools.ts';

/** All pools as they are now; one whose driver gives no numbers is left out, as it can take nothing. */
export async function poolStates(parts: VolumeParts): Promise<PoolState[]> {
  const allocated = new Map<string, number>();
  for (const { backend, sizeGib } of parts.volumes.all())
    if (backend !== null) allocated.set(backend, (allocated.get(backend) ?? 0) + sizeGib);
  const states: PoolState[] = [];
  for (const { name, driver, availabilityZone } of parts.pools) {
    try {
      states.push({
        ...(await driver.stats()),
        name,
        availabilityZone,
        driverKind: driver.kind,
        allocatedGib: allocated.get(name) ?? 0,
        maxOverSubscriptionRatio: parts.config.max_over_subscription_ratio,
        reservedPercentage: parts.config.reserved_percentage,
      });
    } catch (error) {
      parts.logger.warn({ err: error, pool: name }, 'a pool gives no numbers');
    }
  }
  return states;
}

/** @throws InvariantError when a volume lies in a backend that the configuration no longer names. */
export function driverOf(parts: Pick<VolumeParts, 'pools'>, backend: string): VolumeDriver {
  const pool = parts.pools.find(({ name }) => name === backend);
  if (!pool) throw new InvariantError(`no backend is named ${backend} any more, but volumes are in it`);
  return pool.driver;
}

/** Spec: Cinder, `host@backend#pool`. */
export function hostOf(parts: Pick<VolumeParts, 'config'>, backend: string): string {
  return `${parts.config.host}@${backend}#${backend}`;
}
