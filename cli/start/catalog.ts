import type { ServiceName } from '../services.ts';
import type { Node } from './node.ts';

interface CatalogEntry {
  type: string;
  name: string;
  url: string;
}

/** What clients find in the catalog: the services that this node runs, at the addresses it was started with. */
export function catalogOf(node: Node): CatalogEntry[] {
  const entries: readonly (CatalogEntry & { service: ServiceName })[] = [
    { service: 'auth', type: 'identity', name: 'keystone', url: `${node.publicUrl('auth')}/v3` },
    { service: 'proxy', type: 'object-store', name: 'swift', url: `${node.publicUrl('proxy')}/v1/AUTH_$(project_id)s` },
    { service: 'image', type: 'image', name: 'glance', url: node.publicUrl('image') },
    { service: 'volume', type: 'volumev3', name: 'cinderv3', url: `${node.publicUrl('volume')}/v3/$(project_id)s` },
    { service: 'volume', type: 'block-storage', name: 'cinder', url: `${node.publicUrl('volume')}/v3/$(project_id)s` },
    { service: 'compute', type: 'compute', name: 'nova', url: `${node.publicUrl('compute')}/v2.1` },
  ];
  return entries
    .filter(({ service }) => node.services.has(service))
    .map(({ type, name, url }) => ({ type, name, url }));
}
