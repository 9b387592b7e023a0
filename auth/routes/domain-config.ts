import type { FastifyInstance } from 'fastify';
import {
  type ConfigPath,
  defaultDomainConfig,
  deleteDomainConfig,
  getDomainConfig,
  setDomainConfig,
} from '../actions/domain-config.ts';
import type { AuthContext } from '../context.ts';
import { parseBody } from '../parse.ts';
import { domainConfigBody } from '../schemas-catalog.ts';

type OfDomain = { Params: { id: string } & ConfigPath };

/** Spec: Identity API v3, "Domain configuration". */
export function registerDomainConfigRoutes(app: FastifyInstance, context: AuthContext): void {
  for (const end of ['', '/:group', '/:group/:option']) {
    app.get<{ Params: ConfigPath }>(`/v3/domains/config${end}/default`, async ({ identity, params }) => ({
      config: defaultDomainConfig(context, identity, params),
    }));

    const path = `/v3/domains/:id/config${end}`;
    app.get<OfDomain>(path, async ({ identity, params: { id, ...part } }) => ({
      config: await getDomainConfig(context, identity, id, part),
    }));
    app.patch<OfDomain>(path, async ({ identity, params: { id, ...part }, body }) => {
      const { config } = parseBody(domainConfigBody, body);
      return { config: (await setDomainConfig(context, identity, id, { config, path: part, merge: true })).groups };
    });
    app.delete<OfDomain>(path, async ({ identity, params: { id, ...part } }, reply) => {
      await deleteDomainConfig(context, identity, id, part);
      return reply.status(204).send();
    });
  }
  app.put<OfDomain>('/v3/domains/:id/config', async ({ identity, params, body }, reply) => {
    const { config } = parseBody(domainConfigBody, body);
    const { groups, isNew } = await setDomainConfig(context, identity, params.id, { config, path: {}, merge: false });
    reply.status(isNew ? 201 : 200);
    return { config: groups };
  });
}
