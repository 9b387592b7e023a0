import { readAccountInfo } from '../actions/read-listing.ts';
import { refusal } from '../errors.ts';
import type { Feature, ProxyRequest } from '../message.ts';
import type { Services } from '../routes/route.ts';
import { refuseUpload } from './upload-refusal.ts';

const QUOTA = 'x-account-meta-quota-bytes';
const REMOVE_QUOTA = 'x-remove-account-meta-quota-bytes';

/**
 * A bound on the bytes of an account, which only a reseller admin sets. Uploads of such an admin are not bounded; one of unknown length
 * counts as empty.
 *
 * Spec: Swift, "Account Quotas".
 */
export function accountQuotas(services: Services): Feature {
  return (next) => async (request) => {
    const { method, path, context } = request;
    if (method !== 'PUT' && method !== 'POST') return next(request);
    const isReseller = services.access.isReseller(context.caller);
    if (path.container === undefined) checkChange(request, isReseller);
    else if (method === 'PUT' && path.object !== undefined && !isReseller && (await exceeds(services, request)))
      return refuseUpload(request, services);
    return next(request);
  };
}

/** @throws ApiError 400 for a quota that is no number, 403 for who may not set it. */
function checkChange({ headers }: ProxyRequest, isReseller: boolean): void {
  const quota = headers[REMOVE_QUOTA] ? '0' : headers[QUOTA];
  if (quota === undefined) return;
  if (!isReseller) throw refusal(403);
  if (quota !== '' && !/^\d+$/.test(quota)) throw refusal(400);
}

async function exceeds({ cluster, accounts }: Services, { path, body }: ProxyRequest): Promise<boolean> {
  const quota = (await accounts.find(path.account)).settings[QUOTA];
  if (quota === undefined || !/^\d+$/.test(quota)) return false;
  const info = await readAccountInfo(cluster, path.account);
  return info !== undefined && info.bytesUsed + (body.sizeBytes ?? 0) > Number(quota);
}
