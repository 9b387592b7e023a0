/** The default of a resource's limit, for all projects and domains that have none of their own. */
export interface RegisteredLimitRecord {
  id: string;
  serviceId: string;
  regionId: string | null;
  resourceName: string;
  /** Count of the resource's unit, -1 for no limit. */
  defaultLimit: number;
  description: string | null;
}

/** The limit of one project or domain in place of the registered one. */
export interface LimitRecord {
  id: string;
  registeredLimitId: string;
  /** One of the two. */
  projectId: string | null;
  domainId: string | null;
  /** Count of the resource's unit, -1 for no limit. */
  resourceLimit: number;
  description: string | null;
}
