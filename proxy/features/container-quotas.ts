import { readContainerInfo } from '../actions/read-listing.ts';
import { refusal } from '../errors.ts';
import type { Feature, ProxyRequest } from '../message.ts';
import type { Services } from '../routes/route.ts';
import { refuseUpload } from './upload-refusal.ts';

const BYTES = 'x-container-meta-quota-bytes';
const COUNT = 'x-container-meta-quota-count';
const DIGITS = /^\d+$/;

/**
 * Bounds on the bytes and the number of objects of a container, set by who owns it. An upload of unknown length counts as empty, and an
 * object that is overwritten as one more.
 *
 * Spec: Swift, "Container Quotas".
 */
export function containerQuotas(services: Services): Feature {
  return (next) => async (request) => {
    const { account, container, object } = request.path;
    const isWrite = request.method === 'PUT' || request.method === 'POST';
    if (container === undefined || !isWrite) return next(request);
    if (object === undefined) {
      checkQuotas(request);
      return next(request);
    }
    if (request.method === 'PUT' && (await exceeds(services, { account, container }, request)))
      return refuseUpload(request, services);
    return next(request);
  };
}

/** @throws ApiError 400 for what is no number. */
function checkQuotas({ headers }: ProxyRequest): void {
  for (const [name, what] of [
    [BYTES, 'bytes'],
    [COUNT, 'count'],
  ] as const) {
    const value = headers[name];
    if (value && !DIGITS.test(value)) throw refusal(400, { body: `Invalid ${what} quota.` });
  }
}

async function exceeds(
  { cluster, containers }: Services,
  { account, container }: { account: string; container: string },
  { body }: ProxyRequest,
): Promise<boolean> {
  const known = await containers.find(account, container);
  const [mostBytes, mostObjects] = [quotaOf(known?.settings[BYTES]), quotaOf(known?.settings[COUNT])];
  if (mostBytes === undefined && mostObjects === undefined) return false;
  const info = await readContainerInfo(cluster, account, container);
  if (!info) return false;
  return (
    info.bytesUsed + (body.sizeBytes ?? 0) > (mostBytes ?? Number.POSITIVE_INFINITY) ||
    info.objectCount + 1 > (mostObjects ?? Number.POSITIVE_INFINITY)
  );
}

function quotaOf(value: string | undefined): number | undefined {
  return value !== undefined && DIGITS.test(value) ? Number(value) : undefined;
}
