import { randomBytes } from 'node:crypto';
import { s3Error } from '../errors.ts';
import {
  MOST_KEPT_VERSIONS,
  MOST_LIFECYCLE_RULES,
  MOST_RULE_DAYS,
  MOST_RULE_ID,
  MOST_STORED_SETTING_BYTES,
} from '../limits.ts';
import type { XmlElement } from '../xml/read.ts';
import { element, elementIf } from '../xml/write.ts';

/** On a bucket: its rules, JSON. */
export const LIFECYCLE = 'x-container-sysmeta-s3-lifecycle';

/** A rule as it is stored. */
export interface LifecycleRule {
  id: string;
  isEnabled: boolean;
  /** Of the keys that it is about; '' for all. */
  prefix: string;
  /** How the client said which keys: shown in the same form. `Prefix` is the one of before 2014. */
  form: 'Prefix' | 'Filter' | 'And';
  /** Only objects that are larger, or smaller, than so many bytes. */
  largerThan?: number;
  smallerThan?: number;
  /** Objects go so many days after they were written, or all from a day on: midnight in UTC, ISO 8601. */
  days?: number;
  date?: string;
  /** A delete marker goes when it is all that is left of its key. */
  removesMarkers?: true;
  /** Uploads go that were begun so many days ago. */
  abortDays?: number;
  /** Versions go that have not been the current one for so many days, but for some newest ones. */
  noncurrentDays?: number;
  keptVersions?: number;
}

/** Rules as a bucket keeps them. */
export function storedRules(text: string | undefined): readonly LifecycleRule[] {
  return text ? (JSON.parse(text) as LifecycleRule[]) : [];
}

/**
 * A `LifecycleConfiguration` as a bucket keeps it.
 *
 * @throws ApiError `MalformedXML`, `InvalidArgument`, `InvalidRequest`, `NotImplemented` for actions and filters that are not built.
 * Spec: Amazon S3, PutBucketLifecycleConfiguration.
 */
export function textOfConfiguration(document: XmlElement): string {
  only(document, ['Rule']);
  const rules = document.all('Rule').map(ruleOf);
  if (rules.length === 0 || rules.length > MOST_LIFECYCLE_RULES) throw s3Error('MalformedXML');
  if (new Set(rules.map(({ id }) => id)).size < rules.length)
    throw invalid('Rule ID must be unique. Found same ID for more than one rule');
  const text = JSON.stringify(rules);
  if (Buffer.byteLength(text) > MOST_STORED_SETTING_BYTES)
    throw s3Error('InvalidRequest', { message: 'The rules are too long.' });
  return text;
}

const TRANSITIONS = ['Transition', 'NoncurrentVersionTransition'];
const RULE = ['ID', 'Status', 'Prefix', 'Filter', 'Expiration'];
const OTHER_ACTIONS = ['AbortIncompleteMultipartUpload', 'NoncurrentVersionExpiration'];

function ruleOf(rule: XmlElement): LifecycleRule {
  if (rule.names.some((name) => TRANSITIONS.includes(name)))
    throw s3Error('NotImplemented', { message: 'There is one storage class only: transitions are not implemented.' });
  only(rule, [...RULE, ...OTHER_ACTIONS]);
  const id = rule.textOf('ID') || randomBytes(18).toString('base64url');
  if (id.length > MOST_RULE_ID) throw invalid(`ID length should not exceed allowed limit of ${MOST_RULE_ID}`);
  const status = rule.textOf('Status');
  if (status !== 'Enabled' && status !== 'Disabled') throw s3Error('MalformedXML');
  const actions = { ...expirationOf(rule), ...abortOf(rule), ...noncurrentOf(rule) };
  if (Object.keys(actions).length === 0)
    throw s3Error('InvalidRequest', { message: 'At least one action needs to be specified in a rule' });
  const keys = keysOf(rule);
  const hasSize = keys.largerThan !== undefined || keys.smallerThan !== undefined;
  if (hasSize && (actions.abortDays !== undefined || actions.removesMarkers))
    throw s3Error('InvalidRequest', {
      message: 'Sizes cannot be specified with AbortIncompleteMultipartUpload or ExpiredObjectDeleteMarker',
    });
  return { id, isEnabled: status === 'Enabled', ...keys, ...actions };
}

type Keys = Pick<LifecycleRule, 'prefix' | 'form' | 'largerThan' | 'smallerThan'>;

const SIZES = ['ObjectSizeGreaterThan', 'ObjectSizeLessThan'];

/** Either form, and exactly one. */
function keysOf(rule: XmlElement): Keys {
  const filter = rule.one('Filter');
  const prefix = rule.textOf('Prefix');
  if (!filter) {
    if (prefix === undefined) throw s3Error('MalformedXML');
    return { prefix, form: 'Prefix' };
  }
  if (prefix !== undefined || filter.names.length > 1) throw s3Error('MalformedXML');
  const and = filter.one('And');
  const inner = and ?? filter;
  if (inner.one('Tag'))
    throw s3Error('NotImplemented', { message: 'Rules for objects with certain tags are not implemented.' });
  only(inner, and ? ['Prefix', ...SIZES] : ['Prefix', 'And', ...SIZES]);
  if (and && and.names.length < 2) throw s3Error('MalformedXML');
  const keys: Keys = { prefix: inner.textOf('Prefix') ?? '', form: and ? 'And' : 'Filter' };
  const [largerThan, smallerThan] = SIZES.map((name) => sizeOf(inner.textOf(name)));
  if (largerThan !== undefined) keys.largerThan = largerThan;
  if (smallerThan !== undefined) keys.smallerThan = smallerThan;
  if (largerThan !== undefined && smallerThan !== undefined && largerThan >= smallerThan)
    throw s3Error('InvalidRequest', {
      message: "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
    });
  return keys;
}

function expirationOf(rule: XmlElement): Pick<LifecycleRule, 'days' | 'date' | 'removesMarkers'> {
  const expiration = rule.one('Expiration');
  if (!expiration) return {};
  only(expiration, ['Days', 'Date', 'ExpiredObjectDeleteMarker']);
  if (expiration.names.length !== 1) throw s3Error('MalformedXML');
  const days = expiration.textOf('Days');
  if (days !== undefined) return { days: countOf(days, 'Days', MOST_RULE_DAYS) };
  const date = expiration.textOf('Date');
  if (date !== undefined) return { date: midnightOf(date) };
  const removes = expiration.textOf('ExpiredObjectDeleteMarker');
  if (removes !== 'true' && removes !== 'false') throw s3Error('MalformedXML');
  return removes === 'true' ? { removesMarkers: true } : {};
}

function abortOf(rule: XmlElement): Pick<LifecycleRule, 'abortDays'> {
  const abort = rule.one('AbortIncompleteMultipartUpload');
  if (!abort) return {};
  only(abort, ['DaysAfterInitiation']);
  return { abortDays: countOf(abort.textOf('DaysAfterInitiation'), 'DaysAfterInitiation', MOST_RULE_DAYS) };
}

function noncurrentOf(rule: XmlElement): Pick<LifecycleRule, 'noncurrentDays' | 'keptVersions'> {
  const noncurrent = rule.one('NoncurrentVersionExpiration');
  if (!noncurrent) return {};
  only(noncurrent, ['NoncurrentDays', 'NewerNoncurrentVersions']);
  const noncurrentDays = countOf(noncurrent.textOf('NoncurrentDays'), 'NoncurrentDays', MOST_RULE_DAYS);
  const kept = noncurrent.textOf('NewerNoncurrentVersions');
  if (kept === undefined) return { noncurrentDays };
  return { noncurrentDays, keptVersions: countOf(kept, 'NewerNoncurrentVersions', MOST_KEPT_VERSIONS) };
}

/** A misspelled element must not make a rule that reaches further than it was meant to. @throws ApiError `MalformedXML`. */
function only(parent: XmlElement, names: readonly string[]): void {
  for (const name of parent.names)
    if (!names.includes(name) || (name !== 'Rule' && parent.all(name).length > 1)) throw s3Error('MalformedXML');
}

function countOf(text: string | undefined, name: string, most: number): number {
  if (text === undefined || !/^-?\d{1,15}$/.test(text.trim())) throw s3Error('MalformedXML');
  const count = Number(text);
  if (count < 1 || count > most) throw invalid(`'${name}' must be a positive integer of at most ${most}`);
  return count;
}

function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text.trim())) throw s3Error('MalformedXML');
  return Number(text);
}

function midnightOf(text: string): string {
  const timeMs = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(text.trim())
    ? Date.parse(text.trim())
    : Number.NaN;
  if (Number.isNaN(timeMs)) throw s3Error('MalformedXML');
  if (timeMs % 86_400_000 !== 0) throw invalid("'Date' must be at midnight GMT");
  return new Date(timeMs).toISOString();
}

function invalid(message: string) {
  return s3Error('InvalidArgument', { message });
}

/** A stored rule as GetBucketLifecycleConfiguration shows it. */
export function ruleXml(rule: LifecycleRule): string {
  const { id, isEnabled, days, date, removesMarkers, abortDays, noncurrentDays, keptVersions } = rule;
  const isExpiring = days !== undefined || date !== undefined || removesMarkers !== undefined;
  return element('Rule', [
    element('ID', id),
    keysXml(rule),
    element('Status', isEnabled ? 'Enabled' : 'Disabled'),
    isExpiring
      ? element('Expiration', [
          elementIf('Days', days),
          elementIf('Date', date),
          elementIf('ExpiredObjectDeleteMarker', removesMarkers && 'true'),
        ])
      : '',
    noncurrentDays === undefined
      ? ''
      : element('NoncurrentVersionExpiration', [
          element('NoncurrentDays', noncurrentDays),
          elementIf('NewerNoncurrentVersions', keptVersions),
        ]),
    abortDays === undefined
      ? ''
      : element('AbortIncompleteMultipartUpload', [element('DaysAfterInitiation', abortDays)]),
  ]);
}

function keysXml({ prefix, form, largerThan, smallerThan }: LifecycleRule): string {
  if (form === 'Prefix') return element('Prefix', prefix);
  const sizes = [elementIf('ObjectSizeGreaterThan', largerThan), elementIf('ObjectSizeLessThan', smallerThan)];
  const hasSize = largerThan !== undefined || smallerThan !== undefined;
  const keys = [prefix === '' && hasSize ? '' : element('Prefix', prefix), ...sizes];
  return element('Filter', form === 'And' ? [element('And', keys)] : keys);
}
