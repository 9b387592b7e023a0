import { createHash } from 'node:crypto';
import type { AuthContext, CatalogMemory } from '../context.ts';
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
  return [...builtInServices(context), ...(await storedEntries(context)).services];
}

export async function allEndpoints(context: AuthContext): Promise<EndpointRecord[]> {
  return [...builtInEndpoints(context), ...(await storedEntries(context)).endpoints];
}

/** Read once for every epoch: whatever changes an entry begins a new one. */
async function storedEntries(context: AuthContext): Promise<CatalogMemory> {
  const epoch = context.epoch.current();
  if (context.catalog.epoch === epoch) return context.catalog;
  const { tables } = context;
  const [services, endpoints] = await Promise.all([tables.services.list(), tables.endpoints.list()]);
  const memory = { epoch, services, endpoints };
  context.catalog = memory;
  return memory;
}

function stableId(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
