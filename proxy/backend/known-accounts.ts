import { RecentMap } from '../../common/recent-map.ts';
import type { AccountInfo } from '../../container-server/contract.ts';
import type { Metadata } from '../../object-server/contract.ts';
import { MOST_KNOWN_ACCOUNTS } from '../limits.ts';
import type { Cluster } from './cluster.ts';

/** What requests below an account need of it. */
export interface KnownAccount {
  /** Whether nothing stands in it that a feature looks at when objects are written: the straight way is open. */
  readonly isPlain: boolean;
  /** What features keep in its metadata: names that SETTING matches. Secrets are among them: never logged. */
  readonly settings: Metadata;
}

const SETTING = /^x-account-(meta-(quota-bytes|temp-url-key)|sysmeta-rfc-compliant-etags$)/;
const QUOTA = 'x-account-meta-quota-bytes';
const NOTHING_SET: KnownAccount = { isPlain: true, settings: {} };

interface Remembered {
  known: KnownAccount;
  /** The count of changes *before* the account was asked about. */
  changes: number;
  untilMs: number;
}

/** Who is asked about an account. @throws ApiError 503. */
export type AskAccount = (account: string) => Promise<AccountInfo | undefined>;

/** Remembers accounts as `KnownContainers` does containers. Their changes are counted under no container's name: ''. */
export class KnownAccounts {
  private readonly cluster: Cluster;
  private readonly ask: AskAccount;
  private readonly remembered = new RecentMap<Remembered>(MOST_KNOWN_ACCOUNTS);

  constructor(cluster: Cluster, ask: AskAccount) {
    this.cluster = cluster;
    this.ask = ask;
  }

  /** Undefined: not remembered: `find` tells. */
  now(account: string): KnownAccount | undefined {
    const remembered = this.remembered.get(account);
    return remembered && this.isCurrent(remembered, account) ? remembered.known : undefined;
  }

  /** One that is not there yet has nothing set. @throws ApiError 503. */
  async find(account: string): Promise<KnownAccount> {
    const found = this.now(account);
    if (found) return found;
    const { containerChanges, rings, clock, containerInfoTtlMs } = this.cluster;
    const changes = containerChanges?.current(account, '') ?? 0;
    const info = await this.ask(account);
    if (!info) return NOTHING_SET;
    const known = knownOf(info);
    if (!containerChanges) return known;
    const primaries = rings.account.primaries(rings.account.partitionOf(account));
    const isLocal = primaries.every((device) => this.cluster.isLocal(device));
    const untilMs = isLocal ? Number.POSITIVE_INFINITY : clock.nowMs() + containerInfoTtlMs;
    this.remembered.delete(account);
    this.remembered.set(account, { known, changes, untilMs });
    return known;
  }

  private isCurrent({ changes, untilMs }: Remembered, account: string): boolean {
    if (this.cluster.containerChanges?.current(account, '') !== changes) return false;
    return untilMs === Number.POSITIVE_INFINITY || this.cluster.clock.nowMs() < untilMs;
  }
}

function knownOf({ metadata }: AccountInfo): KnownAccount {
  const settings = Object.entries(metadata).filter(([name, value]) => value !== '' && SETTING.test(name));
  if (settings.length === 0) return NOTHING_SET;
  return { isPlain: !settings.some(([name]) => name === QUOTA), settings: Object.fromEntries(settings) };
}
