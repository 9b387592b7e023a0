import type { Extra } from './records.ts';

/** A set of endpoints by what they have in common. */
export interface EndpointGroupRecord {
  id: string;
  name: string;
  description: string | null;
  /** All must hold: `service_id`, `region_id`, `interface`, `enabled`. */
  filters: Extra;
}

/**
 * A project sees an endpoint, or the endpoints of a group; a project without any sees all. Its id is
 * `<project>/<kind>/<member>`.
 */
export interface EndpointAssociationRecord {
  id: string;
  projectId: string;
  kind: 'endpoint' | 'group';
  memberId: string;
}
