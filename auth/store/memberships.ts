import type { KeyValueStore } from '../../common/kv/contract.ts';
import { PairTable } from './pair-table.ts';
import type { MembershipRecord } from './records.ts';

export function membershipOf(userId: string, groupId: string): MembershipRecord {
  return { id: `${userId}/${groupId}`, userId, groupId };
}

/** Who is in which group, found by user and by group. */
export class MembershipTable extends PairTable<MembershipRecord> {
  constructor(store: KeyValueStore) {
    super(store, {
      name: 'auth-memberships',
      forwardId: ({ userId, groupId }) => `${userId}/${groupId}`,
      backwardId: ({ userId, groupId }) => `${groupId}/${userId}`,
    });
  }

  async groupsOf(userId: string): Promise<string[]> {
    return (await this.listForward(`${userId}/`)).map(({ groupId }) => groupId);
  }

  async usersOf(groupId: string): Promise<string[]> {
    return (await this.listBackward(`${groupId}/`)).map(({ userId }) => userId);
  }
}
