import { createHash } from 'node:crypto';
import type { AuthContext } from '../context.ts';
import type { EndpointRecord, ServiceRecord } from '../store/records.ts';

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

function stableId(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
