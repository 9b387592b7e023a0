import type { AccessControl, Grant } from '../access/access-control.ts';
import type { PolicyObjects } from '../actions/coded-objects.ts';
import type { Cluster } from '../backend/cluster.ts';
import type { ContainerSizes } from '../backend/container-sizes.ts';
import type { KnownAccounts } from '../backend/known-accounts.ts';
import type { KnownContainers } from '../backend/known-containers.ts';
import type { RateSlots } from '../backend/rate-slots.ts';
import type { ProxyConfig } from '../config.ts';
import type { EncryptionOptions } from '../encryption/keyring.ts';
import type { ProxyRequest, ProxyResponse } from '../message.ts';
import type { SyncRealms } from '../sync/realms.ts';

/** What every route works with. */
export interface Services {
  readonly cluster: Cluster;
  readonly access: AccessControl;
  /** What is remembered of containers, for requests about their objects. */
  readonly containers: KnownContainers;
  /** How large containers are, for limits that go by it. */
  readonly sizes: ContainerSizes;
  /** What is remembered of accounts. */
  readonly accounts: KnownAccounts;
  readonly config: ProxyConfig;
  /** What is done how often: shared by all threads of this process. */
  readonly rates: RateSlots;
  readonly encryption: EncryptionOptions;
  /** Clusters that containers may be synchronized with, as they are now. */
  readonly syncRealms: () => SyncRealms;
  /** Objects as their policies keep them. */
  readonly objects: PolicyObjects;
  /** Largest object, bytes. */
  readonly maxFileBytes: number;
}

export interface Route {
  /** Whether a container's ACL may allow what the caller's roles do not: the route then asks again, with the ACL. */
  readonly asksAcl: boolean;
  handle(request: ProxyRequest, services: Services, grant: Grant): Promise<ProxyResponse>;
}
