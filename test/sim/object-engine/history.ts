import type { ObjectState } from '../../../object-server/contract.ts';
import type { VersionKind } from '../../../object-server/slab/contract.ts';

/** A version that somebody tried to write. */
export interface Written {
  kind: VersionKind;
  timestamp: string;
  /**
   * `flying`: nobody has heard of its end. `known`: acknowledged, or found after a recovery: it is there for ever, or superseded.
   * `doubtful`: it failed, or the power went: it is there or not. `never`: it was refused, or a recovery was without it.
   */
  state: 'flying' | 'known' | 'doubtful' | 'never';
  /** Distinguishes it: the value of its metadata. */
  mark: string;
  contentType: string | undefined;
  etag: string;
  body: Buffer | undefined;
  onlyIfAbsent: boolean;
  /** Some reader has found it. */
  seen: boolean;
  /** Counts of a clock that ticks with each beginning and end: `Infinity` while it is flying. */
  beganAt: number;
  endedAt: number;
}

/** What a reader found of an object. */
export interface Found {
  /** Undefined where nothing is known of it. */
  base: { kind: 'data' | 'tombstone'; timestamp: string } | undefined;
  state?: ObjectState | undefined;
  body?: Buffer | undefined;
}

export class Violation extends Error {
  override readonly name = 'Violation';
}

/** What may and what must be found of one object on one device. */
export class History {
  readonly name: string;
  private readonly written: Written[] = [];

  constructor(name: string) {
    this.name = name;
  }

  add(written: Written): void {
    this.written.push(written);
  }

  /** What is there for sure, whatever comes. */
  known(): Written[] {
    return this.written.filter(({ state }) => state === 'known');
  }

  /** Nothing is under way or in doubt: what is found is known exactly. */
  get isCertain(): boolean {
    return this.written.every(({ state }) => state === 'known' || state === 'never');
  }

  /** Everything that can be there. */
  possible(): Written[] {
    return this.written.filter(({ state }) => state !== 'never');
  }

  all(): readonly Written[] {
    return this.written;
  }

  crash(): void {
    for (const each of this.written) if (each.state === 'flying') each.state = each.seen ? 'known' : 'doubtful';
  }

  /** The newest data or tombstone that is there for sure. */
  base(among: readonly Written[] = this.known()): Written | undefined {
    return latest(among.filter(({ kind }) => kind !== 'metadata'));
  }

  /** Time of the newest version that counts, among those that are there for sure: what a new write must be later than. */
  newestTimestamp(): string | undefined {
    const base = this.base();
    if (base?.kind !== 'data') return base?.timestamp;
    return latest(after(this.known(), base))?.timestamp ?? base.timestamp;
  }

  /**
   * Checks what a reader found.
   *
   * @param known what was there for sure when it began.
   * @param damaged the medium has lost bits: what is found must be right still, and may be missing.
   * @param reclaimedBefore tombstones that are older may be forgotten.
   */
  check(found: Found, known: readonly Written[], damaged: boolean, reclaimedBefore: string): void {
    const newest = this.base(known);
    const isForgotten = newest?.kind === 'tombstone' && newest.timestamp < reclaimedBefore && found.base === undefined;
    const floor = isForgotten ? undefined : newest;
    const base = found.base && this.versionOf(found.base);
    if (found.base && !base) this.fail('somebody reads what nobody wrote', found);
    if (!damaged && floor && (base === undefined || orderOf(base) < orderOf(floor)))
      this.fail(`${textOf(floor)} was acknowledged and is not there`, found);
    if (base && found.state) this.checkState(base, found.state, found, damaged ? [] : known);
    if (base) this.see(base);
  }

  /** After a recovery, when nobody writes: what was in doubt and is not found must not come back. */
  settle(found: Found): void {
    const seen = [found.state?.metadataTimestamp, found.state?.contentTypeTimestamp];
    const base = found.base && this.versionOf(found.base);
    for (const each of this.written) {
      if (each.state !== 'doubtful') continue;
      const isFound = each.kind === 'metadata' ? seen.includes(each.timestamp) : each === base;
      each.state = isFound ? 'known' : 'never';
    }
  }

  toString(): string {
    const lines = this.written.map((each) => `  ${textOf(each)} ${each.state} ${each.beganAt}..${each.endedAt}`);
    return [this.name, ...lines].join('\n');
  }

  fail(message: string, found?: Found): never {
    const base = found?.base ? `${found.base.kind} ${found.base.timestamp}` : 'nothing';
    const { metadataTimestamp, contentTypeTimestamp } = found?.state ?? {};
    const what = found ? `, found ${base} (metadata ${metadataTimestamp}, type ${contentTypeTimestamp})` : '';
    throw new Violation(`${message}${what}\n${this}`);
  }

  private checkState(base: Written, state: ObjectState, found: Found, known: readonly Written[]): void {
    if (state.etag !== base.etag || state.fixedMetadata['x-object-sysmeta-mark'] !== base.mark)
      this.fail('the state is of another version', found);
    if (found.body && !found.body.equals(base.body ?? Buffer.alloc(0))) this.fail('the body is another', found);
    const metadata = this.layer(base, state.metadataTimestamp, found, after(known, base));
    if (state.metadata['x-object-meta-mark'] !== metadata.mark) this.fail('the metadata is of another version', found);
    const typed = after(known, base).filter(({ contentType }) => contentType !== undefined);
    const type = this.layer(base, state.contentTypeTimestamp, found, typed);
    if (state.contentType !== type.contentType) this.fail('the content type is of another version', found);
    if (state.timestamp !== state.metadataTimestamp) this.fail('the timestamps do not fit', found);
  }

  /** The version that metadata, or the content type, comes from: the base, or a later one of those that are possible. */
  private layer(base: Written, timestamp: string, found: Found, known: readonly Written[]): Written {
    const floor = latest(known);
    if (floor && timestamp < floor.timestamp) this.fail(`${textOf(floor)} was acknowledged and is not there`, found);
    if (timestamp === base.timestamp) return base;
    const version = after(this.possible(), base).find((each) => each.timestamp === timestamp);
    if (!version) this.fail('somebody reads metadata that nobody wrote', found);
    this.see(version);
    return version;
  }

  private versionOf({ kind, timestamp }: NonNullable<Found['base']>): Written | undefined {
    return this.possible().find((each) => each.kind === kind && each.timestamp === timestamp);
  }

  /** What was seen once is durable. Until it is acknowledged, other threads may not see it yet. */
  private see(version: Written): void {
    version.seen = true;
    if (version.state === 'doubtful') version.state = 'known';
  }
}

function textOf({ kind, timestamp, mark }: Written): string {
  return `${kind} ${timestamp} ${mark}`;
}

/** Of two with one timestamp the tombstone wins. */
export function orderOf({ kind, timestamp }: Pick<Written, 'kind' | 'timestamp'>): string {
  return `${timestamp} ${kind === 'tombstone' ? 1 : 0}`;
}

function latest(versions: readonly Written[]): Written | undefined {
  return versions.reduce<Written | undefined>(
    (best, each) => (best === undefined || orderOf(each) > orderOf(best) ? each : best),
    undefined,
  );
}

function after(versions: readonly Written[], base: Written): Written[] {
  return versions.filter(({ kind, timestamp }) => kind === 'metadata' && timestamp > base.timestamp);
}
