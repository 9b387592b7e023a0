import { ticksOf } from '../../common/timestamp.ts';
import type { ObjectKey } from '../index/contract.ts';

const FORM = /^([0-9a-f]{4})([0-9a-f]{8})([0-9a-f]{32})([0-9a-f]{14})$/;

/** Names a large file after the version that it is for, so that a sweep of orphans can look that up. */
export function largeLabelOf({ policyIndex, partition, hash }: ObjectKey, timestamp: string): string {
  return hex(policyIndex, 4) + hex(partition, 8) + hash.toString('hex') + hex(ticksOf(timestamp), 14);
}

/** @returns undefined for a label of another form. */
export function parseLargeLabel(label: string): { key: ObjectKey; ticks: number } | undefined {
  const [, policy = '', partition = '', hash = '', ticks] = FORM.exec(label) ?? [];
  if (ticks === undefined) return undefined;
  const key = {
    policyIndex: Number.parseInt(policy, 16),
    partition: Number.parseInt(partition, 16),
    hash: Buffer.from(hash, 'hex'),
  };
  return { key, ticks: Number.parseInt(ticks, 16) };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
