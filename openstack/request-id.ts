import { randomUUID } from 'node:crypto';

/** Header in which Keystone, Glance, Cinder and Nova answer their request id. */
export const REQUEST_ID_HEADERS = ['x-openstack-request-id'] as const;
/** Nova and Cinder carry it under this older name too. */
export const COMPUTE_REQUEST_ID_HEADERS = ['x-openstack-request-id', 'x-compute-request-id'] as const;

/** Spec: oslo.middleware, `req-` + UUID4. */
export function newRequestId(): string {
  return `req-${randomUUID()}`;
}
