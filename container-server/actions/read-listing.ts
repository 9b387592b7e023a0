import type { Level } from 'level';
import type {
  AccountInfo,
  AccountTarget,
  ContainerInfo,
  ContainerTarget,
  ListingPage,
  ListingQuery,
} from '../contract.ts';
import { accountNotFound, containerNotFound } from '../errors.ts';
import { jsonOfContainerRow } from '../store/container-rows.ts';
import { accountKey, containerKey, containerRowsPrefix, objectRowsPrefix } from '../store/keys.ts';
import { jsonOfObjectRow } from '../store/object-rows.ts';
import type { PageMemory } from '../store/page-memory.ts';
import { readPage } from '../store/read-page.ts';
import { type AccountRecord, type ContainerRecord, decodeRecord, isLive, visibleMetadata } from '../store/records.ts';

type Database = Level<string, string>;

export async function accountInfo(db: Database, { account }: AccountTarget): Promise<AccountInfo> {
  const record = decodeRecord<AccountRecord>(await db.get(accountKey(account)));
  if (record === undefined || !isLive(record)) throw accountNotFound(account);
  const policies = Object.entries(record.policies).map(([policyIndex, [containerCount, objectCount, bytesUsed]]) => ({
    policyIndex: Number(policyIndex),
    containerCount,
    objectCount,
    bytesUsed,
  }));
  return {
    createdAt: record.createdAt,
    containerCount: policies.reduce((sum, policy) => sum + policy.containerCount, 0),
    objectCount: policies.reduce((sum, policy) => sum + policy.objectCount, 0),
    bytesUsed: policies.reduce((sum, policy) => sum + policy.bytesUsed, 0),
    policies,
    metadata: visibleMetadata(record.metadata),
  };
}

export async function listContainers(
  db: Database,
  target: AccountTarget,
  query: ListingQuery,
  memory?: PageMemory,
): Promise<ListingPage> {
  const record = decodeRecord<AccountRecord>(await db.get(accountKey(target.account)));
  if (record === undefined || !isLive(record)) throw accountNotFound(target.account);
  const prefix = containerRowsPrefix(target.account, query.reserved);
  return readPage(db, prefix, query, jsonOfContainerRow, memory);
}

export async function containerInfo(db: Database, target: ContainerTarget): Promise<ContainerInfo> {
  const record = decodeRecord<ContainerRecord>(await db.get(containerKey(target.account, target.container)));
  if (record === undefined || !isLive(record)) throw containerNotFound(target.container);
  const { createdAt, putTimestamp, objectCount, bytesUsed, policyIndex } = record;
  return { createdAt, putTimestamp, objectCount, bytesUsed, policyIndex, metadata: visibleMetadata(record.metadata) };
}

export async function listObjects(
  db: Database,
  target: ContainerTarget,
  query: ListingQuery,
  memory?: PageMemory,
): Promise<ListingPage> {
  await containerInfo(db, target);
  const prefix = objectRowsPrefix(target.account, target.container);
  return readPage(db, prefix, query, jsonOfObjectRow, memory);
}
