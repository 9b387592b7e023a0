import type { AuthContext } from '../context.ts';
import type { CatalogService } from '../contract.ts';
import { allEndpoints, allServices } from './catalog-entries.ts';
import { filteredEndpoints } from './endpoint-filter.ts';
import type { TokenState } from './token-state.ts';

/**
 * The catalog of a scoped token: enabled services and endpoints, those that its project is to see, their URLs filled in for its
 * project and user.
 */
export function catalogFor(context: AuthContext, state: TokenState): Promise<CatalogService[]> {
  const known = catalogs.get(state) ?? makeCatalog(context, state);
  catalogs.set(state, known);
  known.catch(() => catalogs.delete(state));
  return known;
}

/** A token's state is made anew when anything changes: its catalog goes with it. */
const catalogs = new WeakMap<TokenState, Promise<CatalogService[]>>();

async function makeCatalog(context: AuthContext, state: TokenState): Promise<CatalogService[]> {
  const enabled = (await allEndpoints(context)).filter((each) => each.enabled);
  const { scope } = state;
  const endpoints =
    (scope.kind === 'project' ? await filteredEndpoints(context, scope.project.id, enabled) : undefined) ?? enabled;
  const services = (await allServices(context)).filter((each) => each.enabled);
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
