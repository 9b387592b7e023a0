import { s3Error } from './errors.ts';
import type { S3Request, S3Services } from './message.ts';
import { askHead } from './object-api.ts';
import { ownerOf, ownerXml } from './owner.ts';
import { ownAcls } from './policy/stored-policy.ts';
import type { XmlElement } from './xml/read.ts';
import { element } from './xml/write.ts';

const ALL_USERS = 'http://acs.amazonaws.com/groups/global/AllUsers';
const AUTHENTICATED_USERS = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';

/** Read ACLs of containers that canned ACLs stand for. There is no anonymous writing in Swift's model. */
const READ_ACLS: Readonly<Record<string, string>> = {
  private: '',
  'public-read': '.r:*,.rlistings',
  'authenticated-read': '*:*',
};

/** A canned ACL as a container's read ACL. @throws ApiError `NotImplemented`, `InvalidArgument`. */
export function readAclOf(canned: string): string {
  const read = Object.hasOwn(READ_ACLS, canned) ? READ_ACLS[canned] : undefined;
  if (read !== undefined) return read;
  if (canned === 'public-read-write') throw s3Error('NotImplemented', { fields: { Header: 'x-amz-acl' } });
  throw s3Error('InvalidArgument', { fields: { ArgumentName: 'x-amz-acl', ArgumentValue: canned } });
}

/** Canned ACLs that say no more than what an object has anyway. */
const OBJECT_ACLS: ReadonlySet<string> = new Set(['private', 'bucket-owner-read', 'bucket-owner-full-control']);

/**
 * An object is open to whom its bucket is open to: another ACL is refused, better than ignored.
 *
 * @param canned asked for; undefined for none.
 * @throws ApiError `NotImplemented`, `InvalidArgument`.
 */
export async function checkObjectAcl(
  request: S3Request,
  services: S3Services,
  { bucket, canned }: { bucket: string; canned: string | undefined },
): Promise<void> {
  if (canned === undefined || OBJECT_ACLS.has(canned)) return;
  const wanted = readAclOf(canned);
  const headers = await askHead(request, services, { method: 'HEAD', container: bucket });
  if (ownAcls(headers).read !== wanted)
    throw s3Error('NotImplemented', {
      message: 'An object has the ACL of its bucket.',
      fields: { Header: 'x-amz-acl' },
    });
}

/** An explicit ACL as the canned one that says the same. @throws ApiError `NotImplemented`, `MalformedACLError`. */
export function cannedAclOf(policy: XmlElement, request: S3Request): string {
  const grants = policy.one('AccessControlList')?.all('Grant');
  if (!grants) throw s3Error('MalformedACLError');
  let canned = 'private';
  for (const grant of grants) {
    const grantee = grant.one('Grantee');
    const permission = grant.textOf('Permission');
    if (!grantee || !permission) throw s3Error('MalformedACLError');
    if (grantee.textOf('ID') === ownerOf(request).id && permission === 'FULL_CONTROL') continue;
    const uri = grantee.textOf('URI');
    if (permission === 'READ' && uri === ALL_USERS) canned = 'public-read';
    else if (permission === 'READ' && uri === AUTHENTICATED_USERS) {
      if (canned === 'private') canned = 'authenticated-read';
    } else
      throw s3Error('NotImplemented', {
        message: 'Grants to others than everybody are set by Swift’s container ACLs.',
      });
  }
  return canned;
}

/** A container's ACL as S3 shows one: what its model can say. */
export function aclXml(request: S3Request, readAcl: string | undefined): string[] {
  const elements = (readAcl ?? '').split(',');
  const groups = [
    ...(elements.includes('.r:*') ? [ALL_USERS] : []),
    ...(elements.includes('*:*') ? [AUTHENTICATED_USERS] : []),
  ];
  const owner = ownerOf(request);
  return [
    ownerXml(request),
    element('AccessControlList', [
      element('Grant', [
        granteeXml('CanonicalUser', [element('ID', owner.id), element('DisplayName', owner.name)]),
        element('Permission', 'FULL_CONTROL'),
      ]),
      ...groups.map((uri) =>
        element('Grant', [granteeXml('Group', [element('URI', uri)]), element('Permission', 'READ')]),
      ),
    ]),
  ];
}

function granteeXml(type: string, children: readonly string[]): string {
  return `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${type}">${children.join('')}</Grantee>`;
}
