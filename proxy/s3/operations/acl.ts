import { contentOf } from '../../message.ts';
import { aclXml, cannedAclOf, checkObjectAcl, readAclOf } from '../acl.ts';
import { s3Error } from '../errors.ts';
import type { Operation } from '../message.ts';
import { bucketOf, objectOf } from '../names.ts';
import { askHead } from '../object-api.ts';
import { ownAcls, policyHeaders, policyInForce } from '../policy/stored-policy.ts';
import { readXmlIfAny } from '../xml/read.ts';
import { xmlAnswer } from '../xml/write.ts';

export const getBucketAcl: Operation = async (request, services) => {
  const headers = await askHead(request, services, { method: 'HEAD', container: bucketOf(request) });
  return xmlAnswer('AccessControlPolicy', aclXml(request, ownAcls(headers).read));
};

/** Canned, in a header, or explicit, where a canned one says the same. */
export const putBucketAcl: Operation = async (request, services) => {
  const container = bucketOf(request);
  const document = await readXmlIfAny(request.body, 'AccessControlPolicy');
  const header = request.headers['x-amz-acl'];
  if (Object.keys(request.headers).some((name) => name.startsWith('x-amz-grant-')))
    throw s3Error('NotImplemented', { fields: { Header: 'x-amz-grant-*' } });
  if (header === undefined && !document)
    throw s3Error('InvalidRequest', { message: 'Your request is missing an ACL.' });
  if (header !== undefined && document)
    throw s3Error('InvalidRequest', { message: 'Specify either an ACL header or a body.' });
  const canned = header ?? (document ? cannedAclOf(document, request) : 'private');
  const headers = await askHead(request, services, { method: 'HEAD', container });
  const acls = { ...ownAcls(headers), read: readAclOf(canned) };
  const set = policyHeaders(headers, policyInForce(headers), acls);
  await askHead(request, services, { method: 'POST', container, headers: set });
  return { status: 200, headers: {}, body: contentOf('') };
};

/** An object is open to whom its bucket is open to. */
export const getObjectAcl: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  await askHead(request, services, { method: 'HEAD', container: bucket, object: key });
  const headers = await askHead(request, services, { method: 'HEAD', container: bucket });
  return xmlAnswer('AccessControlPolicy', aclXml(request, ownAcls(headers).read));
};

export const putObjectAcl: Operation = async (request, services) => {
  const { bucket, key } = objectOf(request);
  const document = await readXmlIfAny(request.body, 'AccessControlPolicy');
  const canned = request.headers['x-amz-acl'] ?? (document ? cannedAclOf(document, request) : undefined);
  await checkObjectAcl(request, services, { bucket, canned });
  await askHead(request, services, { method: 'HEAD', container: bucket, object: key });
  return { status: 200, headers: {}, body: contentOf('') };
};
