import { invariant } from '../../common/errors.ts';
import { type Metadata, MOST_WHOLE_BYTES, type NewObject, type ObjectTarget, type WholeBody } from '../contract.ts';
import type { Device, KeyedNeedle } from '../engine/device.ts';
import { tieOfData } from '../engine/version.ts';
import type { NeedleBody } from '../slab/contract.ts';
import type { ActionContext } from './context.ts';
import { storeVersion } from './store-version.ts';

/** Stores a small object that is in memory: its body goes into the needle. */
export async function putObject(
  context: ActionContext,
  target: ObjectTarget,
  version: NewObject,
  { bytes, etag, checksum }: WholeBody,
): Promise<void> {
  invariant(bytes.length <= MOST_WHOLE_BYTES, 'a whole body that is not small');
  await context.device.space.claim(bytes.length);
  const content = { etag, sizeBytes: bytes.length, body: { where: 'inline', bytes, checksum } as const };
  await storeVersion(context, target, dataNeedle(context.device, target, version, content), version);
}

export interface NeedleContent {
  etag: string;
  sizeBytes: number;
  /** Where the footer brought more than the version had at first. */
  fixedMetadata?: Metadata | undefined;
  body: NeedleBody;
}

export function dataNeedle(
  device: Device,
  target: ObjectTarget,
  version: NewObject,
  { etag, sizeBytes, body, fixedMetadata = version.fixedMetadata }: NeedleContent,
): KeyedNeedle {
  const { account, container, object, partition, policyIndex } = target;
  const { timestamp, contentType, metadata, listing } = version;
  return {
    kind: 'data',
    account,
    container,
    object,
    partition,
    policyIndex,
    timestamp,
    tie: tieOfData({ etag, sizeBytes, contentType, metadata, fixedMetadata }),
    etag,
    sizeBytes,
    contentType,
    fixedMetadata,
    metadata,
    listing,
    body,
    objectKey: device.keyOf(target),
  };
}
