import {
  type Feature,
  type Handler,
  type Headers,
  isTrue,
  type ProxyRequest,
  type ProxyResponse,
  type ResourcePath,
} from '../message.ts';
import type { Services } from '../routes/route.ts';

/** What clients call the setting, and under what name it is kept. */
const SETTINGS = {
  account: { shown: 'x-account-rfc-compliant-etags', kept: 'x-account-sysmeta-rfc-compliant-etags' },
  container: { shown: 'x-container-rfc-compliant-etags', kept: 'x-container-sysmeta-rfc-compliant-etags' },
} as const;

/**
 * ETags of objects in quotes, as RFC 9110 wants them, in accounts and containers that ask for it: caches and browsers then know them.
 *
 * Spec: Swift, "Middleware": Etag Quoter.
 */
export function etagQuoter(services: Services): Feature {
  if (!services.config.etag_quoter.enabled) return (next) => next;
  return (next) => async (request) => {
    const { account, container, object } = request.path;
    if (container === undefined || object === undefined) return translated(request, next);
    const isQuoted = await quotes(services, { account, container });
    const answer = await next(request);
    return isQuoted ? { ...answer, headers: quoted(answer.headers) } : answer;
  };
}

/** Whether ETags may have to be quoted, as far as is known without asking: the straight way leaves those to the pipeline. */
export function mayQuoteEtags({ config, accounts }: Services, account: string): boolean {
  const { enabled, enable_by_default: isDefault } = config.etag_quoter;
  if (!enabled) return false;
  const known = accounts.now(account);
  // A container in which something is set is not plain, whatever it is.
  return isDefault || !known || known.settings[SETTINGS.account.kept] !== undefined;
}

/** The container decides; where nothing is set there, the account; else the operator. */
async function quotes(
  { accounts, config, containers }: Services,
  { account, container }: Required<Omit<ResourcePath, 'object'>>,
): Promise<boolean> {
  const known = await containers.find(account, container);
  if (!known) return false;
  const ofContainer = known.settings[SETTINGS.container.kept];
  if (ofContainer !== undefined) return isTrue(ofContainer);
  const ofAccount = (await accounts.find(account)).settings[SETTINGS.account.kept];
  return ofAccount === undefined ? config.etag_quoter.enable_by_default : isTrue(ofAccount);
}

function quoted(headers: Headers): Headers {
  const { etag } = headers;
  return etag === undefined || /^(W\/)?".*"$/s.test(etag) ? headers : { ...headers, etag: `"${etag}"` };
}

/** Keeps the setting where only we can set it, and shows it under the client's name for it. */
async function translated(request: ProxyRequest, next: Handler): Promise<ProxyResponse> {
  const { shown, kept } = SETTINGS[request.path.container === undefined ? 'account' : 'container'];
  const said = request.headers[shown];
  const isRemoved = Boolean(request.headers[shown.replace('x-', 'x-remove-')]);
  const value = isRemoved || said === '' ? '' : said === undefined ? undefined : isTrue(said) ? 'True' : 'False';
  const answer = await next(
    value === undefined ? request : { ...request, headers: { ...request.headers, [kept]: value } },
  );
  const { [kept]: setting, ...headers } = answer.headers;
  return setting === undefined ? answer : { ...answer, headers: { ...headers, [shown]: setting } };
}
