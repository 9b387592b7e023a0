import { RecentMap } from '../../common/recent-map.ts';
import type { ContainerInfo } from '../../container-server/contract.ts';
import type { ListingReport, Metadata } from '../../object-server/contract.ts';
import { type Acl, parseAcl } from '../access/acl.ts';
import { MOST_ABSENT_CONTAINERS, MOST_KNOWN_CONTAINERS } from '../limits.ts';
import type { Cluster } from './cluster.ts';
import { reportsOfPartition } from './reports.ts';

/** What requests for its objects need of a container. */
export interface KnownContainer {
  readonly policyIndex: number;
  readonly readAcl: Acl;
  readonly writeAcl: Acl;
  /** Whether nothing stands in it that a feature looks at when its objects are read or written: the straight way is open. */
  readonly isPlain: boolean;
  /** Whether it is shown as a web site to who comes without a token. */
  readonly isSite: boolean;
  /** What features keep in its metadata: names that FEATURE_SETTING or SYNC_SETTING matches. Secrets are among them: never logged. */
  readonly settings: Metadata;
  /** By object replica (modulo): where its listing row goes. The same objects for every write. */
  readonly reports: readonly ListingReport[];
}

/**
 * Features keep their settings of a container under such names; what a client sets for them stands in its plain metadata. What the S3 API
 * keeps of a bucket means nothing to requests for its objects, but when they go, and what may not go.
 */
const FEATURE_SETTING =
  /^x-container-(sysmeta-(?!s3-(?!(lifecycle|object-lock|locked-parts)$))|meta-(quota-|web-|access-control-|temp-url-key))/;
/** Of these the ones that matter only to requests whose query or headers ask for their feature, and to who visits a site. */
const ASKED_FOR = /^x-container-(meta-(access-control-|temp-url-key|web-)|sysmeta-s3-lifecycle$)/;
/** Writes to a container with the one are told to another cluster; the other matters to what that one sends. */
const SYNC_SETTING = /^x-container-sync-(to|key)$/;
const SYNC_KEY = 'x-container-sync-key';
const SITE = 'x-container-meta-web-';

interface Remembered {
  /** Undefined: there is no such container. */
  known: KnownContainer | undefined;
  /** The count of changes *before* the container was asked about. */
  changes: number;
  untilMs: number;
}

/** Who is asked about a container. @throws ApiError 503. */
export type AskContainer = (account: string, container: string) => Promise<ContainerInfo | undefined>;

/**
 * Remembers containers: of this node's own as long as they have not changed, which all its threads can see at once; of those with
 * replicas elsewhere no longer than `containerInfoTtlMs`. Without a count of changes it remembers nothing.
 */
export class KnownContainers {
  private readonly cluster: Cluster;
  private readonly ask: AskContainer;
  private readonly present = new RecentMap<Remembered>(MOST_KNOWN_CONTAINERS);
  /** Apart: a flood of made-up names forgets no container that is there. */
  private readonly absent = new RecentMap<Remembered>(MOST_ABSENT_CONTAINERS);

  constructor(cluster: Cluster, ask: AskContainer) {
    this.cluster = cluster;
    this.ask = ask;
  }

  /** A container that is surely there. Undefined: not remembered, or not there: `find` tells. */
  now(account: string, container: string): KnownContainer | undefined {
    const remembered = this.present.get(`${account}/${container}`);
    return remembered && this.isCurrent(remembered, account, container) ? remembered.known : undefined;
  }

  /** @returns undefined where there is no such container. @throws ApiError 503. */
  async find(account: string, container: string): Promise<KnownContainer | undefined> {
    const key = `${account}/${container}`;
    const remembered = this.present.get(key) ?? this.absent.get(key);
    if (remembered && this.isCurrent(remembered, account, container)) return remembered.known;
    const { containerChanges, rings, clock } = this.cluster;
    const changes = containerChanges?.current(account, container) ?? 0;
    const partition = rings.container.partitionOf(account, container);
    const info = await this.ask(account, container);
    const known = info && this.knownOf(info, partition);
    if (!containerChanges) return known;
    const isLocal = rings.container.primaries(partition).every((device) => this.cluster.isLocal(device));
    const untilMs = isLocal ? Number.POSITIVE_INFINITY : clock.nowMs() + this.cluster.containerInfoTtlMs;
    this.present.delete(key);
    this.absent.delete(key);
    (known ? this.present : this.absent).set(key, { known, changes, untilMs });
    return known;
  }

  private isCurrent({ changes, untilMs }: Remembered, account: string, container: string): boolean {
    if (this.cluster.containerChanges?.current(account, container) !== changes) return false;
    return untilMs === Number.POSITIVE_INFINITY || this.cluster.clock.nowMs() < untilMs;
  }

  private knownOf({ policyIndex, metadata }: ContainerInfo, partition: number): KnownContainer {
    const settings = Object.entries(metadata).filter(([name, value]) => value !== '' && isSetting(name));
    return {
      policyIndex,
      readAcl: parseAcl(metadata['x-container-read']),
      writeAcl: parseAcl(metadata['x-container-write']),
      isPlain: settings.every(([name]) => ASKED_FOR.test(name) || name === SYNC_KEY),
      isSite: settings.some(([name]) => name.startsWith(SITE)),
      settings: Object.fromEntries(settings),
      reports: this.reportsOf(partition, policyIndex),
    };
  }
  /** None for a policy that is not configured: no object of it can be written. */
  private reportsOf(partition: number, policyIndex: number): readonly ListingReport[] {
    const { rings, policies } = this.cluster;
    if (!policies.byIndex(policyIndex)) return [];
    return reportsOfPartition(rings.container, partition, rings.object(policyIndex).replicaCount);
  }
}

function isSetting(name: string): boolean {
  return FEATURE_SETTING.test(name) || SYNC_SETTING.test(name);
}
