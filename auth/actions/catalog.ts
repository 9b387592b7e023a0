import { createHash } from 'node:crypto';
import type { AuthContext } from '../context.ts';
import type { CatalogService } from '../contract.ts';
import type { EndpointRecord, ServiceRecord } from '../store/records.ts';
import type { TokenState } from './token-state.ts';

const INTERFACES = ['public', 'internal', 'admin'] as const;

/** The services this program serves itself, as records. Their ids depend on their type only, so they outlive a restart. */
export function builtInServices({ builtIn }: AuthContext): ServiceRecord[] {
  return builtIn.map(({ type, name }) => ({
    id: stableId(`service:${type}`),
    type,
    name,
    description: null,
    enabled: true,
    extra: {},
  }));
}

export function builtInEndpoints({ builtIn, config }: AuthContext): EndpointRecord[] {
  return builtIn.flatMap(({ type, url }) =>
    INTERFACES.map((each) => ({
      id: stableId(`endpoint:${type}:${each}`),
      serviceId: stableId(`service:${type}`),
      interface: each,
      regionId: config.region,
      url,
      enabled: true,
      name: null,
      extra: {},
    })),
  );
}

export async function allServices(context: AuthContext): Promise<ServiceRecord[]> {
  return [...builtInServices(context), ...(await context.tables.services.list())];
}

export async function allEndpoints(context: AuthContext): Promise<EndpointRecord[]> {
  return [...builtInEndpoints(context), ...(await context.tables.endpoints.list())];
}

/** The catalog of a scoped token: enabled services and endpoints, their URLs filled in for its project and user. */
export async function catalogFor(context: AuthContext, state: TokenState): Promise<CatalogService[]> {
  const endpoints = (await allEndpoints(context)).filter(({ enabled }) => enabled);
  const services = (await allServices(context)).filter(({ enabled }) => enabled);
  return services.map(({ id, type, name }) => ({
    id,
    type,
    name,
    endpoints: endpoints
      .filter(({ serviceId }) => serviceId === id)
      .flatMap((endpoint) => {
        const url = fillIn(endpoint.url, state);
        if (url === undefined) return [];
        const region = endpoint.regionId ?? '';
        return [{ id: endpoint.id, interface: endpoint.interface, region, region_id: region, url }];
      }),
  }));
}

/** The URL with its places filled in, or undefined where the token has no value for one: such an endpoint is not for it. */
function fillIn(url: string, { scope, user }: TokenState): string | undefined {
  const projectId = scope.kind === 'project' ? scope.project.id : undefined;
  const values: Record<string, string | undefined> = {
    project_id: projectId,
    tenant_id: projectId,
    user_id: user.id,
    domain_id: scope.kind === 'domain' ? scope.domain.id : undefined,
  };
  let missing = false;
  const filled = url.replace(/[$%]\((\w+)\)s/g, (_, key: string) => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    missing ||= value === undefined;
    return value ?? '';
  });
  return missing ? undefined : filled;
}

function stableId(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
