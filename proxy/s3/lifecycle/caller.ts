import { randomBytes } from 'node:crypto';
import type { Logger } from '../../../common/log.ts';
import { ACCOUNT_PREFIX } from '../../access/access-control.ts';
import { NO_BODY } from '../../message.ts';
import type { S3Request } from '../message.ts';

/**
 * A request that the bucket's own rules make: by nobody who could sign, with the rights of the bucket's project.
 *
 * @param role that may do everything in its own project.
 */
export function requestOfRules(
  account: string,
  bucket: string,
  { role, log }: { role: string; log: Logger },
): S3Request {
  const domain = { id: 'default', name: 'Default' };
  const id = account.slice(ACCOUNT_PREFIX.length);
  const identity: S3Request['identity'] = {
    user: { id: 's3-lifecycle', name: 's3-lifecycle', domain },
    scope: { kind: 'project', project: { id, name: id, domain } },
    roles: [{ id: role, name: role }],
    expiresAtMs: Number.POSITIVE_INFINITY,
    auditIds: [],
  };
  return {
    method: 'DELETE',
    bucket,
    key: undefined,
    query: new Map(),
    headers: {},
    account,
    identity,
    body: NO_BODY,
    context: {
      transactionId: `lifecycle-${randomBytes(8).toString('hex')}`,
      caller: identity,
      client: { address: undefined, pathText: `/v1/${account}/${bucket}` },
      log,
    },
  };
}
