import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TokenVerifier } from '../../auth/guard/contract.ts';
import { delegationAllows } from '../../auth/guard/delegation.ts';
import type { Clock } from '../../common/clock.ts';
import { denialOf, SERVICE_TYPE } from '../access/access-control.ts';
import { HTML, refusal } from '../errors.ts';
import { type LegacyIdentity, legacyLogin } from './auth-v1.ts';
import { crossDomainPolicy } from './cross-domain.ts';
import { ENDPOINTS_PATH, listEndpoints } from './endpoints.ts';
import { capabilities } from './info.ts';
import { INFO_METHODS, publicInfo } from './public-info.ts';
import type { Services } from './route.ts';

export interface OutsideV1Options {
  services: Services;
  verifier: TokenVerifier;
  identity: LegacyIdentity;
  clock: Clock;
  storageUrl(): string;
}

const JSON_TYPE = 'application/json; charset=UTF-8';
/** Methods that `/info` and `/endpoints/` do not have. */
const WRITES = ['PUT', 'POST', 'DELETE'];

/** What the API answers beside accounts, containers and objects. */
export function addRoutesOutsideV1(app: FastifyInstance, options: OutsideV1Options): void {
  const { services, identity, clock, storageUrl } = options;
  const { config } = services;
  addInfo(app, options);
  app.get('/crossdomain.xml', async (_request, reply) =>
    reply.type('application/xml; charset=UTF-8').send(crossDomainPolicy(config.cross_domain_policy)),
  );
  for (const path of ['/auth/v1.0', '/auth/v1']) {
    app.get(path, async (request, reply) => {
      const headers = await legacyLogin(request.headers, { identity, clock, storageUrl });
      return reply.headers(headers).send('');
    });
  }
  if (config.list_endpoints !== 'nobody') addEndpoints(app, options);
}

function addInfo(app: FastifyInstance, { services, clock }: OutsideV1Options): void {
  const { cluster, config, syncRealms } = services;
  const sections = () => capabilities(cluster.policies, config, syncRealms());
  app.get('/info', async (request, reply) => {
    const { method, url = '', headers } = request.raw;
    const asked = { method: method ?? 'GET', url, origin: headers.origin, nowMs: clock.nowMs() };
    const answer = publicInfo(asked, sections(), config.info);
    return reply.headers(answer.headers).type(JSON_TYPE).send(JSON.stringify(answer.body));
  });
  app.options('/info', async (_request, reply) => reply.header('allow', INFO_METHODS).type(HTML).send(''));
  app.route({ method: WRITES, url: '/info', handler: () => notAllowed(INFO_METHODS) });
}

function addEndpoints(app: FastifyInstance, { services, verifier }: OutsideV1Options): void {
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    if (services.config.list_endpoints === 'reseller_admin') await assertReseller(request, services, verifier);
    const endpoints = await listEndpoints(request.raw.url ?? '', services);
    return reply.type('application/json').send(JSON.stringify(endpoints));
  };
  // The first is that of no account: a slash at the end makes no difference to the router.
  for (const url of [ENDPOINTS_PATH, `${ENDPOINTS_PATH}*`]) {
    app.route({ method: 'GET', url, exposeHeadRoute: false, handler });
    app.route({ method: ['HEAD', 'OPTIONS', ...WRITES], url, handler: () => notAllowed('GET') });
  }
}

/** @throws ApiError 401, 403, 503. */
async function assertReseller(request: FastifyRequest, services: Services, verifier: TokenVerifier): Promise<void> {
  const token = request.headers['x-auth-token'];
  const caller = typeof token === 'string' ? await verify(token, verifier) : undefined;
  const path = request.url.split('?', 1)[0] ?? '';
  const isAllowed = caller && delegationAllows(caller, { serviceType: SERVICE_TYPE, method: request.method, path });
  if (!isAllowed || !services.access.isReseller(caller)) throw denialOf(caller, 'unknown');
}

async function verify(token: string, verifier: TokenVerifier): ReturnType<TokenVerifier['verify']> {
  try {
    return await verifier.verify(token);
  } catch (error) {
    throw refusal(503, { cause: error });
  }
}

async function notAllowed(allow: string): Promise<never> {
  throw refusal(405, { headers: { allow } });
}
