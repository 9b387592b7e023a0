import type { Timestamp } from '../../common/timestamp.ts';
import { refusal } from '../errors.ts';
import type { Feature, Handler, Headers, ProxyRequest, ResourcePath } from '../message.ts';
import { versionNameOf } from '../routes/reserved-names.ts';
import type { Services } from '../routes/route.ts';
import { readSource } from './versions-archive.ts';

/** On a container whose versions can be locked, JSON: `BucketLock`. It is never taken away. */
export const OBJECT_LOCK = 'x-container-sysmeta-s3-object-lock';
/** On the container with the parts of such a container's objects: Swift's dialect changes none of them. */
export const LOCKED_PARTS = 'x-container-sysmeta-s3-locked-parts';
/** On a version as it was written, and on the record that holds what has been said of it since; JSON: `Lock`. */
export const LOCK = 'x-object-sysmeta-s3-lock';
/** Of a DELETE by a client who may, and says so: retention in the mode GOVERNANCE does not hold. */
export const BYPASS_HEADER = 'x-backend-bypass-governance';

export type LockMode = 'GOVERNANCE' | 'COMPLIANCE';

/** What a version's removal waits for. */
export interface Lock {
  mode?: LockMode;
  /** Until when the mode holds, ms since the epoch. */
  untilMs?: number;
  /** A legal hold: until it is taken away. */
  isHeld?: boolean;
}

/** What a container says of its versions. */
export interface BucketLock {
  /** Of versions that are written without a lock of their own; a year has 365 days. */
  byDefault?: { mode: LockMode; days?: number; years?: number };
}

/** Begins the name of the container of the records, which no client can say. */
const LOCKS = '/locks/';
const DAY_MS = 86_400_000;

export function locksContainerOf(container: string): string {
  return LOCKS + container;
}

/** Where what was said of a version since it was written is. The record is replaced as a whole. */
export function lockRecordPath(
  { account, container, object }: Required<ResourcePath>,
  versionId: Timestamp,
): Required<ResourcePath> {
  return { account, container: locksContainerOf(container), object: versionNameOf(object, versionId) };
}

export function lockOf(headers: Headers): Lock {
  const text = headers[LOCK];
  return text ? (JSON.parse(text) as Lock) : {};
}

/** Whether the mode holds at that moment. */
export function isRetained({ mode, untilMs }: Lock, nowMs: number): boolean {
  return mode !== undefined && untilMs !== undefined && untilMs > nowMs;
}

/** The headers of a new version, with the lock that its container gives it by default. */
export function withDefaultLock(headers: Headers, setting: string | undefined, nowMs: number): Headers {
  const byDefault = setting === undefined ? undefined : (JSON.parse(setting) as BucketLock).byDefault;
  const own = lockOf(headers);
  if (!byDefault || own.mode !== undefined) return headers;
  const days = byDefault.days ?? (byDefault.years ?? 0) * 365;
  const lock: Lock = { ...own, mode: byDefault.mode, untilMs: nowMs + days * DAY_MS };
  return { ...headers, [LOCK]: JSON.stringify(lock) };
}

/** What a refused removal says. */
export const LOCKED_TEXT = 'Access Denied because object protected by object lock.';

/**
 * Asked before a version is removed, in whatever dialect. What cannot be read counts as locked: the removal fails.
 *
 * @returns the record of the version's lock, which is of no use without it; undefined where there is none.
 * @throws ApiError 403 where it is locked, 503.
 */
export async function requireUnlocked(
  work: { request: ProxyRequest; services: Services; next: Handler },
  { path, archive }: { path: Required<ResourcePath>; archive: string | undefined },
  versionId: Timestamp,
): Promise<ResourcePath | undefined> {
  const { request, services, next } = work;
  const known = await services.containers.find(path.account, path.container);
  if (archive === undefined || known?.settings[OBJECT_LOCK] === undefined) return undefined;
  const record = lockRecordPath(path, versionId);
  const version = { account: path.account, container: archive, object: versionNameOf(path.object, versionId) };
  for (const place of [record, version]) {
    const source = await readSource(request, place, next, Number.POSITIVE_INFINITY);
    await source?.body?.close();
    if (!source) continue;
    const lock = lockOf(source.headers);
    const isBypassed = lock.mode === 'GOVERNANCE' && request.headers[BYPASS_HEADER] === 'true';
    if (lock.isHeld || (isRetained(lock, services.cluster.clock.nowMs()) && !isBypassed))
      throw refusal(403, { body: LOCKED_TEXT });
    return place === record ? record : undefined;
  }
  return undefined;
}

/** In Swift's dialect: what locked objects are made of stays as it is. @throws ApiError 403. */
export function lockedParts(services: Services): Feature {
  return (next) => async (request) => {
    const { account, container, object } = request.path;
    const isRead = request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS';
    if (!isRead && container !== undefined && object !== undefined)
      await requireNoLockedParts(services, { account, container });
    return next(request);
  };
}

/** @throws ApiError 403. */
export async function requireNoLockedParts(
  services: Services,
  { account, container }: { account: string; container: string },
): Promise<void> {
  const known = await services.containers.find(account, container);
  if (known?.settings[LOCKED_PARTS] !== undefined)
    throw refusal(403, { body: 'Parts of objects that can be locked are changed through S3 only.' });
}
