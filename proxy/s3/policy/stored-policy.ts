import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { parseAcl } from '../../access/acl.ts';
import type { Headers } from '../../message.ts';
import { s3Error } from '../errors.ts';
import { MOST_STORED_SETTING_BYTES } from '../limits.ts';
import type { Acls } from './acls-of-policy.ts';

/** On the container: a `StoredPolicy` as JSON, deflated, in base64. */
const POLICY = 'x-container-sysmeta-s3-policy';
const ACL_HEADERS = { read: 'x-container-read', write: 'x-container-write' } as const;
const KINDS = ['read', 'write'] as const;

/** A container's policy, and how its ACLs came to be what they are. */
export interface StoredPolicy {
  /** As it was put. */
  document: string;
  /** What the policy allows; '' where it says nothing of this ACL. */
  granted: Acls;
  /** The ACLs that hold apart from the policy: set through Swift before it, or by S3's ACLs before and since. */
  own: Acls;
}

/** Every stored form inflates to less: the document and four ACLs. */
const MOST_INFLATED_BYTES = 256 << 10;

/**
 * The policy that a container's headers tell of, as their owner sees them, if it is in force: where an ACL that the policy is part of has
 * been set through Swift since, the policy is gone, and nothing is said of it.
 */
export function policyInForce(headers: Headers): StoredPolicy | undefined {
  const stored = storedOf(headers);
  if (!stored) return undefined;
  return KINDS.every((kind) => stored.granted[kind] === '' || isAsMade(stored, headers, kind)) ? stored : undefined;
}

/** The ACLs that hold apart from any policy. */
export function ownAcls(headers: Headers): Acls {
  const stored = storedOf(headers);
  const own = (kind: keyof Acls) =>
    stored && stored.granted[kind] !== '' && isAsMade(stored, headers, kind)
      ? stored.own[kind]
      : (headers[ACL_HEADERS[kind]] ?? '');
  return { read: own('read'), write: own('write') };
}

/**
 * What makes a container's ACLs and its policy hold together, in one change.
 *
 * @param headers of the container as it is.
 * @param policy undefined for none.
 * @throws ApiError `NotImplemented` where both together would allow more than either; `InvalidRequest` for what is too long.
 */
export function policyHeaders(
  headers: Headers,
  policy: Pick<StoredPolicy, 'document' | 'granted'> | undefined,
  own: Acls,
): Headers {
  if (!policy && !headers[POLICY]) return { [ACL_HEADERS.read]: own.read };
  if (!policy) return { [ACL_HEADERS.read]: own.read, [ACL_HEADERS.write]: own.write, [POLICY]: '' };
  checkListing(policy.granted.read, own.read);
  const stored: StoredPolicy = { document: policy.document, granted: policy.granted, own };
  const set = {
    [ACL_HEADERS.read]: joined(own.read, policy.granted.read),
    [ACL_HEADERS.write]: joined(own.write, policy.granted.write),
    [POLICY]: deflateRawSync(JSON.stringify(stored)).toString('base64'),
  };
  for (const value of Object.values(set))
    if (Buffer.byteLength(value) > MOST_STORED_SETTING_BYTES)
      throw s3Error('InvalidRequest', { message: 'The policy is too long to be kept.' });
  return set;
}

function storedOf(headers: Headers): StoredPolicy | undefined {
  const text = headers[POLICY];
  if (!text) return undefined;
  const bytes = inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: MOST_INFLATED_BYTES });
  return JSON.parse(bytes.toString('utf8')) as StoredPolicy;
}

function isAsMade({ granted, own }: StoredPolicy, headers: Headers, kind: keyof Acls): boolean {
  return (headers[ACL_HEADERS[kind]] ?? '') === joined(own[kind], granted[kind]);
}

/** The policy's elements come last: the last referrer rule that matches decides. */
function joined(own: string, granted: string): string {
  const last = granted.split(',');
  return [...own.split(',').filter((element) => !last.includes(element)), ...last]
    .filter((element) => element !== '')
    .join(',');
}

/** One `.rlistings` is about all referrers: whoever the policy lets read would list, too. */
function checkListing(granted: string, own: string): void {
  const acl = parseAcl(own);
  const isOpen = acl.referrers.length > 0 && acl.referrers.every((referrer) => referrer === '*');
  if (granted.includes('.r:*') && !granted.includes('.rlistings') && acl.grants.has('.rlistings') && !isOpen)
    throw s3Error('NotImplemented', {
      message: 'The container’s read ACL has .rlistings: everybody who may read could list, too.',
    });
}
