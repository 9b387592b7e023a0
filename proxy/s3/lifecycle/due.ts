import type { Headers } from '../../message.ts';
import type { S3Services } from '../message.ts';
import { encodeStrictly } from '../signature/text.ts';
import { LIFECYCLE, type LifecycleRule, storedRules } from './rules.ts';

const DAY_MS = 86_400_000;
/** What a date can say. */
const LARGEST_MS = 8.64e15;

/** An object as rules see it. */
export interface RuledObject {
  key: string;
  /** Undefined: not known, so that no rule about sizes applies. */
  sizeBytes: number | undefined;
  /** `Last-Modified`, ms. */
  modifiedMs: number;
}

export function matches(rule: LifecycleRule, { key, sizeBytes }: Pick<RuledObject, 'key' | 'sizeBytes'>): boolean {
  const { largerThan, smallerThan } = rule;
  if (!rule.isEnabled || !key.startsWith(rule.prefix)) return false;
  if (largerThan !== undefined && !(sizeBytes !== undefined && sizeBytes > largerThan)) return false;
  return smallerThan === undefined || (sizeBytes !== undefined && sizeBytes < smallerThan);
}

/**
 * The midnight in UTC at which what happened so many days ago is over.
 *
 * Spec: Amazon S3, "Lifecycle configuration elements": how the time is rounded up to the next day.
 */
export function midnightAfter(sinceMs: number, days: number): number {
  return Math.ceil((sinceMs + days * DAY_MS) / DAY_MS) * DAY_MS;
}

/** When the first of the rules removes the object, and which that is; undefined: none does. */
export function expiryOf(
  rules: readonly LifecycleRule[],
  object: RuledObject,
): { atMs: number; rule: LifecycleRule } | undefined {
  let first: { atMs: number; rule: LifecycleRule } | undefined;
  for (const rule of rules) {
    if (!matches(rule, object)) continue;
    const { days, date } = rule;
    const atMs =
      date === undefined ? (days === undefined ? undefined : midnightAfter(object.modifiedMs, days)) : Date.parse(date);
    if (atMs !== undefined && !(first && first.atMs <= atMs)) first = { atMs, rule };
  }
  return first;
}

/** `x-amz-expiration` of an object's answer; nothing where its bucket has no rule for it. @throws ApiError 503. */
export async function expirationHeader(
  services: S3Services,
  bucket: { account: string; container: string },
  object: RuledObject,
): Promise<Headers> {
  const known = await services.containers.find(bucket.account, bucket.container);
  const text = known?.settings[LIFECYCLE];
  if (text === undefined) return {};
  const expiry = expiryOf(storedRules(text), object);
  if (!expiry || expiry.atMs > LARGEST_MS) return {};
  const date = new Date(expiry.atMs).toUTCString();
  return { 'x-amz-expiration': `expiry-date="${date}", rule-id="${encodeStrictly(expiry.rule.id)}"` };
}
