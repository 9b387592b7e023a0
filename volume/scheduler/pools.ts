import type { PoolStats, VolumeDriver } from '../drivers/contract.ts';

/** A place for volumes: one per backend. */
export interface Pool {
  /** Name of the backend. */
  name: string;
  driver: VolumeDriver;
  availabilityZone: string;
}

/** A pool as the scheduler sees it at one moment. */
export interface PoolState extends PoolStats {
  name: string;
  availabilityZone: string;
  driverKind: string;
  /** GiB of all volumes in the pool, written or not. */
  allocatedGib: number;
  maxOverSubscriptionRatio: number;
  reservedPercentage: number;
}

/** What a new volume asks of its pool. */
export interface PoolRequest {
  sizeGib: number;
  /** undefined = any zone. */
  availabilityZone: string | undefined;
  /** Of the volume's type; keys without a scope, or with `capabilities:`, must match the pool. */
  extraSpecs: Readonly<Record<string, string>>;
}

/** What the pool says it can, as extra specs name it. */
export function capabilitiesOf(pool: PoolState): Readonly<Record<string, string>> {
  return {
    volume_backend_name: pool.name,
    pool_name: pool.name,
    vendor_name: 'Open Source',
    storage_protocol: 'iSCSI',
    driver: pool.driverKind,
    multiattach: 'True',
    thin_provisioning_support: pool.thin ? 'True' : 'False',
    thick_provisioning_support: pool.thin ? 'False' : 'True',
    online_extend_support: pool.thin ? 'True' : 'False',
    QoS_support: 'False',
  };
}
