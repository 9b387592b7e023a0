import {
  BYPASS_HEADER,
  isRetained,
  LOCK,
  type Lock,
  type LockMode,
  lockOf,
  lockRecordPath,
  OBJECT_LOCK,
} from '../features/object-lock.ts';
import type { Headers } from '../message.ts';
import { s3Error } from './errors.ts';
import type { S3Request, S3Services } from './message.ts';
import { askHead, askIfThere } from './object-api.ts';
import { VERSION_ID, versionQuery } from './versions.ts';

const MODE = 'x-amz-object-lock-mode';
const UNTIL = 'x-amz-object-lock-retain-until-date';
const HOLD = 'x-amz-object-lock-legal-hold';

/** Whether objects of the bucket can be locked. @throws ApiError 503. */
export async function isLockable({ account }: S3Request, services: S3Services, bucket: string): Promise<boolean> {
  return (await services.containers.find(account, bucket))?.settings[OBJECT_LOCK] !== undefined;
}

/** @throws ApiError `InvalidRequest`. */
export async function requireLockable(request: S3Request, services: S3Services, bucket: string): Promise<void> {
  if (!(await isLockable(request, services, bucket)))
    throw s3Error('InvalidRequest', { message: 'Bucket is missing Object Lock Configuration' });
}

/**
 * What a new object's headers say of its lock, as it is stored. '' for nothing: a copy has not its source's.
 *
 * @throws ApiError `InvalidRequest`, `InvalidArgument`.
 */
export async function lockHeaders(request: S3Request, services: S3Services, bucket: string): Promise<Headers> {
  const { [MODE]: mode, [UNTIL]: until, [HOLD]: hold } = request.headers;
  const isAsked = mode !== undefined || until !== undefined || hold !== undefined;
  if (isAsked) await requireLockable(request, services, bucket);
  else return (await isLockable(request, services, bucket)) ? { [LOCK]: '' } : {};
  if ((mode === undefined) !== (until === undefined))
    throw s3Error('InvalidArgument', {
      message: `${MODE} and ${UNTIL} must both be supplied`,
    });
  if (hold !== undefined && hold !== 'ON' && hold !== 'OFF')
    throw s3Error('InvalidArgument', { message: 'Legal Hold must be either of "ON" or "OFF"' });
  const retention = mode === undefined ? {} : retentionOf(mode, until ?? '', services.clock.nowMs());
  return { [LOCK]: JSON.stringify({ ...retention, ...(hold === 'ON' ? { isHeld: true } : {}) }) };
}

/** @throws ApiError `InvalidArgument`. */
export function retentionOf(mode: string, until: string, nowMs: number): Required<Pick<Lock, 'mode' | 'untilMs'>> {
  const untilMs = /^\d{4}-\d\d-\d\dT/.test(until) ? Date.parse(until) : Number.NaN;
  if (!isMode(mode)) throw s3Error('InvalidArgument', { message: 'Unknown wormMode directive.' });
  if (Number.isNaN(untilMs))
    throw s3Error('InvalidArgument', { message: 'The retain until date must be provided in ISO 8601 format' });
  if (untilMs <= nowMs) throw s3Error('InvalidArgument', { message: 'The retain until date must be in the future!' });
  return { mode, untilMs };
}

export function isMode(text: string | undefined): text is LockMode {
  return text === 'GOVERNANCE' || text === 'COMPLIANCE';
}

interface LockedVersion {
  versionId: string;
  lock: Lock;
}

/** The lock of an object or of one of its versions as it is now. @throws ApiError 404, 405; `InvalidRequest` for what has no id. */
export async function readVersionLock(
  request: S3Request,
  services: S3Services,
  what: { bucket: string; key: string; version?: string | undefined },
): Promise<LockedVersion> {
  const { bucket, key, version } = what;
  const headers = { 'x-newest': 'true' };
  const target = { container: bucket, object: key, query: versionQuery(version), headers };
  const stored = await askHead(request, services, { method: 'HEAD', ...target });
  const versionId = stored[VERSION_ID] ?? 'null';
  if (versionId === 'null')
    throw s3Error('InvalidRequest', { message: 'An object without a version id cannot be locked.' });
  const { container, object } = lockRecordPath({ account: request.account, container: bucket, object: key }, versionId);
  const record = await askIfThere(request, services, { method: 'HEAD', container, object, headers });
  return { versionId, lock: lockOf(record ?? stored) };
}

/** Says something new of a version. Durable when it resolves. */
export async function writeVersionLock(
  request: S3Request,
  services: S3Services,
  what: { bucket: string; key: string; versionId: string; lock: Lock },
): Promise<void> {
  const { bucket, key, versionId, lock } = what;
  const { container, object } = lockRecordPath({ account: request.account, container: bucket, object: key }, versionId);
  const headers = { 'content-length': '0', 'content-type': 'application/octet-stream', [LOCK]: JSON.stringify(lock) };
  await askHead(request, services, { method: 'PUT', container, object, headers });
}

/** What GET and HEAD say of an object's lock. */
export async function shownLock(
  request: S3Request,
  services: S3Services,
  { bucket, key, stored }: { bucket: string; key: string; stored: Headers },
): Promise<Headers> {
  const version = stored[VERSION_ID];
  if (version === undefined || version === 'null' || !(await isLockable(request, services, bucket))) return {};
  const { lock } = await readVersionLock(request, services, { bucket, key, version });
  return {
    ...(lock.mode === undefined ? {} : { [MODE]: lock.mode, [UNTIL]: untilText(lock) }),
    ...(lock.isHeld === undefined ? {} : { [HOLD]: lock.isHeld ? 'ON' : 'OFF' }),
  };
}

export function untilText({ untilMs = 0 }: Lock): string {
  return new Date(untilMs).toISOString();
}

export function isBypassing({ headers }: S3Request): boolean {
  return headers['x-amz-bypass-governance-retention']?.toLowerCase() === 'true';
}

/** For the DELETE of a version. */
export function bypassHeaders(request: S3Request): Headers {
  return isBypassing(request) ? { [BYPASS_HEADER]: 'true' } : {};
}

/** Whether a retention may take another's place: it holds no shorter, in no weaker mode, unless the old one can be passed by. */
export function mayReplace(
  old: Lock,
  now: Lock,
  { nowMs, isBypassed }: { nowMs: number; isBypassed: boolean },
): boolean {
  if (!isRetained(old, nowMs) || (old.mode === 'GOVERNANCE' && isBypassed)) return true;
  const isNoShorter = now.untilMs !== undefined && now.untilMs >= (old.untilMs ?? 0);
  return isNoShorter && (old.mode === now.mode || now.mode === 'COMPLIANCE');
}
