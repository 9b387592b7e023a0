import { ApiError } from '../../../common/errors.ts';
import { type Timestamp, timestampFromTicks } from '../../../common/timestamp.ts';
import { concurrently } from '../../features/concurrently.ts';
import { DELETE_MARKER } from '../../features/versions-archive.ts';
import { VERSIONS_CONTAINER } from '../../features/versions-settings.ts';
import { AS_OF_HEADER } from '../../routes/object-delete.ts';
import { LIFECYCLE_CONCURRENCY, LIFECYCLE_PAGE_ROWS } from '../limits.ts';
import type { S3Request, S3Services } from '../message.ts';
import { partsContainer } from '../names.ts';
import { listRows, type Row } from '../object-api.ts';
import { removeObject } from '../operations/delete-object.ts';
import { abortUpload } from '../operations/end-upload.ts';
import { expiryOf, matches, midnightAfter } from './due.ts';
import { LIFECYCLE, type LifecycleRule, storedRules } from './rules.ts';

/** What a walk has done: objects, versions and uploads. */
export interface SweepCount {
  removed: number;
  /** Not there any more, newer than its row, or locked. */
  outdated: number;
  /** Tried again by the next walk. */
  failed: number;
}

export interface Sweep {
  /** For the bucket, by its rules. */
  request: S3Request & { bucket: string };
  services: S3Services;
  /** What is due by then goes, ms. */
  nowMs: number;
  done: SweepCount;
  isStopped(): boolean;
}

/**
 * Walks through a bucket and removes what is due by its rules, each through the same operation as a client would, but exactly the version
 * that was listed: what is written meanwhile stays.
 *
 * @returns whether the bucket has rules. @throws ApiError 503: a listing that could not be read.
 */
export async function sweepBucket(sweep: Sweep): Promise<boolean> {
  const { account, bucket } = sweep.request;
  const known = await sweep.services.containers.find(account, bucket);
  const rules = storedRules(known?.settings[LIFECYCLE]).filter(({ isEnabled }) => isEnabled);
  if (known?.settings[LIFECYCLE] === undefined) return false;
  const current = rules.filter(({ days, date }) => days !== undefined || date !== undefined);
  if (current.length > 0) await sweepCurrent(sweep, current);
  const past = rules.filter(({ noncurrentDays, removesMarkers }) => noncurrentDays !== undefined || removesMarkers);
  if (past.length > 0 && known.settings[VERSIONS_CONTAINER] !== undefined) await sweepVersions(sweep, past);
  const uploads = rules.filter(({ abortDays }) => abortDays !== undefined);
  if (uploads.length > 0 && (await sweep.services.containers.find(account, partsContainer(bucket))))
    await sweepUploads(sweep, uploads);
  return true;
}

async function sweepCurrent(sweep: Sweep, rules: readonly LifecycleRule[]): Promise<void> {
  for await (const page of pagesOf(sweep, sweep.request.bucket, prefixOf(rules), {})) {
    const due = page.filter((row) => {
      const object = { key: row.name ?? '', sizeBytes: row.bytes, modifiedMs: modifiedMsOf(row) };
      return (expiryOf(rules, object)?.atMs ?? Number.POSITIVE_INFINITY) <= sweep.nowMs;
    });
    await removeAll(sweep, due, undefined);
  }
}

/** Versions of a key, the newest first, as they are met on one page or several. */
interface KeyWalk {
  key: string | undefined;
  /** The row before, which took this one's place. */
  newer: Row | undefined;
  /** Versions met that are not the current one. */
  noncurrent: number;
}

async function sweepVersions(sweep: Sweep, rules: readonly LifecycleRule[]): Promise<void> {
  let walk: KeyWalk = { key: undefined, newer: undefined, noncurrent: 0 };
  for await (const page of pagesOf(sweep, sweep.request.bucket, prefixOf(rules), { versions: '' })) {
    const due: Row[] = [];
    for (const row of page) {
      if (row.name !== walk.key) {
        if (isLoneMarker(walk) && removesMarker(rules, walk.key)) due.push(...(walk.newer ? [walk.newer] : []));
        walk = { key: row.name, newer: row, noncurrent: 0 };
        continue;
      }
      // An older one may be current again, where Swift's dialect restored it.
      const isCurrent = row.is_latest === true && row.content_type !== DELETE_MARKER;
      if (!isCurrent) {
        if (row.version_id !== 'null' && isOverdue(sweep, rules, row, walk)) due.push(row);
        walk.noncurrent += 1;
      }
      walk = { ...walk, newer: row };
    }
    await removeVersions(sweep, due);
  }
  if (isLoneMarker(walk) && removesMarker(rules, walk.key) && walk.newer) await removeVersions(sweep, [walk.newer]);
}

function isLoneMarker({ newer, noncurrent }: KeyWalk): boolean {
  return newer?.content_type === DELETE_MARKER && noncurrent === 0;
}

function removesMarker(rules: readonly LifecycleRule[], key: string | undefined): boolean {
  return rules.some((rule) => rule.removesMarkers && matches(rule, { key: key ?? '', sizeBytes: undefined }));
}

function isOverdue(sweep: Sweep, rules: readonly LifecycleRule[], row: Row, walk: KeyWalk): boolean {
  const replacedMs = modifiedMsOf(walk.newer ?? row);
  return rules.some(
    (rule) =>
      rule.noncurrentDays !== undefined &&
      matches(rule, { key: row.name ?? '', sizeBytes: row.bytes }) &&
      walk.noncurrent >= (rule.keptVersions ?? 0) &&
      midnightAfter(replacedMs, rule.noncurrentDays) <= sweep.nowMs,
  );
}

async function removeVersions(sweep: Sweep, rows: readonly Row[]): Promise<void> {
  await removeAll(sweep, rows, (row) => row.version_id ?? '');
}

/** @param versionOf undefined: the current object goes, and leaves a marker where its bucket keeps versions. */
async function removeAll(
  sweep: Sweep,
  rows: readonly Row[],
  versionOf: ((row: Row) => string) | undefined,
): Promise<void> {
  const { request, services } = sweep;
  await concurrently(rows, LIFECYCLE_CONCURRENCY, (row) =>
    counted(sweep, row.name ?? '', async () => {
      const asOf = justAfter(row);
      if (asOf === undefined) return;
      await removeObject({ ...request, key: row.name }, services, {
        bucket: request.bucket,
        key: row.name ?? '',
        version: versionOf?.(row),
        headers: { [AS_OF_HEADER]: asOf },
      });
    }),
  );
}

const UPLOAD = /^(.+)\/([A-Za-z0-9_-]{32})$/s;

async function sweepUploads(sweep: Sweep, rules: readonly LifecycleRule[]): Promise<void> {
  const { request, services, nowMs } = sweep;
  for await (const page of pagesOf(sweep, partsContainer(request.bucket), prefixOf(rules), {})) {
    const due = page.flatMap((row) => {
      const [, key, uploadId] = UPLOAD.exec(row.name ?? '') ?? [];
      if (key === undefined || uploadId === undefined) return [];
      const isDue = rules.some(
        (rule) =>
          rule.abortDays !== undefined &&
          matches(rule, { key, sizeBytes: undefined }) &&
          midnightAfter(modifiedMsOf(row), rule.abortDays) <= nowMs,
      );
      return isDue ? [{ key, uploadId }] : [];
    });
    await concurrently(due, LIFECYCLE_CONCURRENCY, ({ key, uploadId }) =>
      counted(sweep, key, () => abortUpload({ ...request, key, query: new Map([['uploadId', uploadId]]) }, services)),
    );
  }
}

/** Never rejects: what fails is tried again by the next walk. */
async function counted(sweep: Sweep, key: string, work: () => Promise<unknown>): Promise<void> {
  if (sweep.isStopped()) return;
  const { done, request } = sweep;
  try {
    await work();
    done.removed += 1;
  } catch (error) {
    if (error instanceof ApiError && [403, 404, 412].includes(error.status)) {
      done.outdated += 1;
      return;
    }
    done.failed += 1;
    const { account, bucket } = request;
    request.context.log.warn(
      { err: error, account, bucket, key },
      'an object stays that the rules of its bucket remove',
    );
  }
}

/** A container's rows, page by page, until the walk is stopped. @throws ApiError 503. */
async function* pagesOf(
  { request, services, isStopped }: Sweep,
  container: string,
  prefix: string,
  query: Readonly<Record<string, string>>,
): AsyncGenerator<Row[]> {
  let marker: Record<string, string> = {};
  while (!isStopped()) {
    const asked = { ...query, ...marker, prefix, limit: String(LIFECYCLE_PAGE_ROWS) };
    const rows = await listRows(request, services, asked, container);
    yield rows;
    const last = rows.at(-1);
    if (rows.length < LIFECYCLE_PAGE_ROWS || last?.name === undefined) return;
    marker = { marker: last.name, ...(last.version_id === undefined ? {} : { version_marker: last.version_id }) };
  }
}

/** What all the rules' prefixes begin with. */
function prefixOf(rules: readonly LifecycleRule[]): string {
  const [first = '', ...others] = rules.map(({ prefix }) => prefix);
  let length = first.length;
  for (const other of others) {
    let same = 0;
    while (same < length && other[same] === first[same]) same += 1;
    length = same;
  }
  const common = first.slice(0, length);
  // Half a character is none.
  return /[\ud800-\udbff]$/.test(common) ? common.slice(0, -1) : common;
}

const ROW_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{5})/;

/** When what the row is of was written; never due where the row does not say. */
function modifiedMsOf({ last_modified: text = '' }: Row): number {
  const [, seconds, fraction] = ROW_TIME.exec(text) ?? [];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Date.parse(`${seconds}Z`) + Number(fraction) / 100;
}

/** The first moment at which what the row is of is not newest any more. */
function justAfter({ last_modified: text = '' }: Row): Timestamp | undefined {
  const [, seconds, fraction] = ROW_TIME.exec(text) ?? [];
  if (seconds === undefined) return undefined;
  return timestampFromTicks(Date.parse(`${seconds}Z`) * 100 + Number(fraction) + 1);
}
