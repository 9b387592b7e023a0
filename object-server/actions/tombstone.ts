import type { Timestamp } from '../../common/timestamp.ts';
import type { ListingReport, ObjectTarget } from '../contract.ts';
import type { Device, KeyedNeedle } from '../engine/device.ts';

const NO_METADATA = {};

export function tombstoneOf(
  device: Device,
  target: ObjectTarget,
  timestamp: Timestamp,
  listing: ListingReport | undefined,
): KeyedNeedle {
  const { account, container, object, partition, policyIndex } = target;
  return {
    kind: 'tombstone',
    account,
    container,
    object,
    partition,
    policyIndex,
    timestamp,
    tie: '',
    etag: '',
    sizeBytes: 0,
    contentType: undefined,
    fixedMetadata: NO_METADATA,
    metadata: NO_METADATA,
    listing,
    body: { where: 'none' },
    objectKey: device.keyOf(target),
  };
}
