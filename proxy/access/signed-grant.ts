import type { ProxyRequest, SignedGrant } from '../message.ts';

/** Whether a signature allows the request, which may be one that a feature makes while it serves the one that was signed. */
export function isGranted(grant: SignedGrant, { method, path }: Pick<ProxyRequest, 'method' | 'path'>): boolean {
  const { account, container, object } = grant.path;
  if (path.account !== account) return false;
  if (method === grant.method && path.container === container && path.object === object) return true;
  // What a writer leads to is never read with the signer's rights: it would say what is in other places.
  if (!isRead(method) || !isRead(grant.method)) return false;
  return path.container !== undefined && (grant.scope === 'account' || path.container === container);
}

/** The same request, allowed by a signature and by nothing else: nobody's token counts any more. */
export function withGrant(request: ProxyRequest, signedGrant: SignedGrant): ProxyRequest {
  return { ...request, context: { ...request.context, caller: undefined, signedGrant } };
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
