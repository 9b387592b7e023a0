import { denial } from '../access/access-control.ts';
import { refusal } from '../errors.ts';
import { objectPathOf, type ProxyRequest } from '../message.ts';
import type { Services } from '../routes/route.ts';

/**
 * Refuses an upload that exceeds a quota; but first who may not write here at all, and shall learn nothing of what there is.
 *
 * @throws ApiError 413, 401 or 403; always.
 */
export async function refuseUpload(request: ProxyRequest, { access, containers }: Services): Promise<never> {
  const path = objectPathOf(request.path);
  const known = path && (await containers.find(path.account, path.container));
  const isAllowed = (await access.decide(request)).allowed || (await access.decide(request, known?.writeAcl)).allowed;
  throw isAllowed ? refusal(413, { body: 'Upload exceeds quota.' }) : denial(request);
}
