import {
  type BucketLock,
  LOCKED_PARTS,
  LOCKED_TEXT,
  locksContainerOf,
  OBJECT_LOCK,
} from '../../features/object-lock.ts';
import { contentOf } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { MOST_RETENTION_DAYS, MOST_RETENTION_YEARS } from '../limits.ts';
import type { Operation, S3Request, S3Services } from '../message.ts';
import { bucketOf, objectOf, partsContainer } from '../names.ts';
import { askHead } from '../object-api.ts';
import {
  isBypassing,
  isMode,
  mayReplace,
  readVersionLock,
  requireLockable,
  retentionOf,
  untilText,
  writeVersionLock,
} from '../object-lock.ts';
import { asVersionError, versionOf } from '../versions.ts';
import { readXml, type XmlElement } from '../xml/read.ts';
import { element, elementIf, xmlAnswer } from '../xml/write.ts';

/** Spec: Amazon S3, GetObjectLockConfiguration. */
export const getLockConfiguration: Operation = async (request, services) => {
  const headers = await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  const text = headers[OBJECT_LOCK];
  if (!text) throw s3Error('ObjectLockConfigurationNotFoundError');
  const { byDefault } = JSON.parse(text) as BucketLock;
  return xmlAnswer('ObjectLockConfiguration', [
    element('ObjectLockEnabled', 'Enabled'),
    byDefault
      ? element('Rule', [
          element('DefaultRetention', [
            element('Mode', byDefault.mode),
            elementIf('Days', byDefault.days),
            elementIf('Years', byDefault.years),
          ]),
        ])
      : '',
  ]);
};

/** For buckets that were made for it, and others that keep versions. Spec: Amazon S3, PutObjectLockConfiguration. */
export const putLockConfiguration: Operation = async (request, services) => {
  const container = bucketOf(request);
  const document = await readXml(request.body, 'ObjectLockConfiguration');
  if (document.textOf('ObjectLockEnabled') !== 'Enabled') throw s3Error('MalformedXML');
  const rule = document.one('Rule');
  const lock: BucketLock = rule ? { byDefault: defaultOf(rule) } : {};
  const { 'x-versions-enabled': versions } = await askHead(request, services, { method: 'HEAD', container });
  if (versions?.toLowerCase() !== 'true')
    throw s3Error('InvalidBucketState', {
      message: "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
    });
  await makeLockable(request, services, container, lock);
  return { status: 200, headers: {}, body: contentOf('') };
};

/** What belongs to it first: a bucket that says its versions can be locked has where locks are kept. */
export async function makeLockable(
  request: S3Request,
  services: S3Services,
  container: string,
  lock: BucketLock,
): Promise<void> {
  await askHead(request, services, { method: 'PUT', container: locksContainerOf(container) });
  await lockParts(request, services, container);
  await askHead(request, services, { method: 'POST', container, headers: { [OBJECT_LOCK]: JSON.stringify(lock) } });
}

/** Makes the container of the bucket's parts one that Swift's dialect does not write, if it is none. */
export async function lockParts(request: S3Request, services: S3Services, bucket: string): Promise<void> {
  const container = partsContainer(bucket);
  const known = await services.containers.find(request.account, container);
  if (known?.settings[LOCKED_PARTS]) return;
  const { 'x-storage-policy': policy } = await askHead(request, services, { method: 'HEAD', container: bucket });
  const headers = { [LOCKED_PARTS]: 'true', ...(policy === undefined || known ? {} : { 'x-storage-policy': policy }) };
  await askHead(request, services, { method: 'PUT', container, headers });
}

function defaultOf(rule: XmlElement): NonNullable<BucketLock['byDefault']> {
  const retention = rule.one('DefaultRetention');
  const mode = retention?.textOf('Mode');
  const days = retention?.textOf('Days');
  const years = retention?.textOf('Years');
  if (!isMode(mode) || (days === undefined) === (years === undefined)) throw s3Error('MalformedXML');
  const count = Number(days ?? years);
  if (!/^-?\d{1,9}$/.test(days ?? years ?? '')) throw s3Error('MalformedXML');
  if (count < 1)
    throw s3Error('InvalidArgument', { message: 'Default retention period must be a positive integer value' });
  if (count > (days === undefined ? MOST_RETENTION_YEARS : MOST_RETENTION_DAYS))
    throw s3Error('InvalidArgument', { message: 'Default retention period too large' });
  return days === undefined ? { mode, years: count } : { mode, days: count };
}

/** Object, version and lock that a request is about. @throws ApiError. */
async function found(request: S3Request, services: S3Services) {
  const { bucket, key } = objectOf(request);
  await askHead(request, services, { method: 'HEAD', container: bucket });
  await requireLockable(request, services, bucket);
  const version = versionOf(request);
  const target = { bucket, key, version };
  const { versionId, lock } = await readVersionLock(request, services, target).catch((error: unknown) => {
    throw asVersionError(error, version);
  });
  return { bucket, key, versionId, lock };
}

export const getRetention: Operation = async (request, services) => {
  const { lock } = await found(request, services);
  if (lock.mode === undefined) throw s3Error('NoSuchObjectLockConfiguration');
  return xmlAnswer('Retention', [element('Mode', lock.mode), element('RetainUntilDate', untilText(lock))]);
};

/** Spec: Amazon S3, PutObjectRetention. */
export const putRetention: Operation = async (request, services) => {
  const document = await readXml(request.body, 'Retention');
  const nowMs = services.clock.nowMs();
  const mode = document.textOf('Mode');
  const until = document.textOf('RetainUntilDate');
  if ((mode === undefined) !== (until === undefined)) throw s3Error('MalformedXML');
  // None takes the old one away, where that is allowed.
  const retention = mode === undefined ? {} : retentionOf(mode, until ?? '', nowMs);
  const { lock, ...version } = await found(request, services);
  if (!mayReplace(lock, retention, { nowMs, isBypassed: isBypassing(request) }))
    throw s3Error('AccessDenied', { message: LOCKED_TEXT });
  const held = lock.isHeld === undefined ? {} : { isHeld: lock.isHeld };
  await writeVersionLock(request, services, { ...version, lock: { ...held, ...retention } });
  return { status: 200, headers: {}, body: contentOf('') };
};

export const getLegalHold: Operation = async (request, services) => {
  const { lock } = await found(request, services);
  if (lock.isHeld === undefined) throw s3Error('NoSuchObjectLockConfiguration');
  return xmlAnswer('LegalHold', [element('Status', lock.isHeld ? 'ON' : 'OFF')]);
};

/** Spec: Amazon S3, PutObjectLegalHold. */
export const putLegalHold: Operation = async (request, services) => {
  const status = (await readXml(request.body, 'LegalHold')).textOf('Status');
  if (status !== 'ON' && status !== 'OFF') throw s3Error('MalformedXML');
  const { lock, ...version } = await found(request, services);
  await writeVersionLock(request, services, { ...version, lock: { ...lock, isHeld: status === 'ON' } });
  return { status: 200, headers: {}, body: contentOf('') };
};
