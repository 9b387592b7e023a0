import { hash } from 'node:crypto';
import type { ObjectTarget } from '../contract.ts';
import type { ObjectKey } from '../index/contract.ts';
import { CLAIM_SLOTS, NAME_SLOTS } from './shared-state.ts';

/**
 * What the index knows an object by.
 *
 * @param nameKey a secret: nobody can choose names that meet in one hash.
 */
export function objectKeyOf(nameKey: string, target: Omit<ObjectTarget, 'device'>): ObjectKey {
  const { policyIndex, partition, account, container, object } = target;
  return { policyIndex, partition, hash: hash('md5', `${nameKey}/${account}/${container}/${object}`, 'buffer') };
}

/** The name's entry in `changes` and `newest`. */
export function nameSlotOf({ hash: bytes }: ObjectKey): number {
  return bytes.readUInt16BE(0) % NAME_SLOTS;
}

export function claimSlotOf({ hash: bytes }: ObjectKey): number {
  return bytes.readUInt16BE(2) % CLAIM_SLOTS;
}
