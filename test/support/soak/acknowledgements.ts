import { createHash } from 'node:crypto';

/** One write of a name, as its client knows it. Moments count beginnings and ends. */
export interface Intent {
  /** The body that is there afterwards; undefined: a removal. For a copy: the one that its source had, not known. */
  body: BodyId | 'copied' | undefined;
  beganAt: number;
  /** Undefined: no answer, or one that says nothing: it may have happened, or happen still. */
  endedAt: number | undefined;
  acknowledged: boolean;
}

/** `<number>-<bytes>`: bodies are made from it. */
export type BodyId = string;

export function bodyOf(id: BodyId): Buffer {
  const sizeBytes = Number(id.split('-')[1]);
  return Buffer.alloc(sizeBytes, `${id} `);
}

export function etagOf(id: BodyId): string {
  return createHash('md5').update(bodyOf(id)).digest('hex');
}

/**
 * What clients were told about each name, and so what may be found there: any write that no acknowledged one has surely superseded.
 * A write supersedes those that had ended before it began, for then its timestamp is later.
 */
export class Acknowledgements {
  private readonly intents = new Map<string, Intent[]>();
  private readonly etags = new Map<string, BodyId>();
  private moment = 0;
  private lastBody = 0;

  get names(): string[] {
    return [...this.intents.keys()];
  }

  newBody(sizeBytes: number): BodyId {
    this.lastBody += 1;
    const id = `${this.lastBody}-${sizeBytes}`;
    this.etags.set(etagOf(id), id);
    return id;
  }

  now(): number {
    this.moment += 1;
    return this.moment;
  }

  begin(name: string, body: Intent['body']): Intent {
    const intent: Intent = { body, beganAt: this.now(), endedAt: undefined, acknowledged: false };
    this.intents.set(name, [...(this.intents.get(name) ?? []), intent]);
    return intent;
  }

  acknowledge(intent: Intent): void {
    intent.acknowledged = true;
    intent.endedAt = this.now();
  }

  /** It was answered that nothing has happened. */
  refuse(name: string, intent: Intent): void {
    this.intents.set(
      name,
      (this.intents.get(name) ?? []).filter((each) => each !== intent),
    );
  }

  /** The process is dead: what it had not done by now it will never do. */
  processDied(): void {
    for (const intents of this.intents.values()) for (const intent of intents) intent.endedAt ??= this.now();
  }

  /**
   * Checks what a reader found who began at a moment and has just ended.
   *
   * @param etag undefined: there was no object.
   * @returns what is wrong; undefined where nothing is.
   */
  complaintAbout(name: string, etag: string | undefined, beganAt = this.now()): string | undefined {
    const { candidates, hasFloor } = this.possible(name, beganAt);
    if (etag === undefined) {
      const mayBeAbsent = !hasFloor || candidates.some(({ body }) => body === undefined);
      return mayBeAbsent ? undefined : `${name} is gone: ${JSON.stringify(candidates)}`;
    }
    const id = this.etags.get(etag);
    if (id === undefined) return `${name} holds what nobody wrote: ${etag}`;
    const fits = candidates.some(({ body }) => body === id || body === 'copied');
    return fits ? undefined : `${name} holds ${id}: ${JSON.stringify(candidates)}`;
  }

  /** Whether it is not known which of several writes is there: they may have reached some replicas and not others. */
  isInDoubt(name: string): boolean {
    return this.possible(name, this.now()).candidates.some(({ acknowledged }) => !acknowledged);
  }

  /** When nobody writes: what is found is what there is, whatever was in doubt. */
  settle(name: string, etag: string | undefined): void {
    const body = etag === undefined ? undefined : this.etags.get(etag);
    const beganAt = this.now();
    this.intents.set(name, [{ body, beganAt, endedAt: this.now(), acknowledged: true }]);
  }

  bodyIdOf(etag: string): BodyId | undefined {
    return this.etags.get(etag);
  }

  /** Writes that no acknowledged one had surely superseded, and whether there was an acknowledged one at all. */
  private possible(name: string, beganAt: number): { candidates: Intent[]; hasFloor: boolean } {
    const all = this.intents.get(name) ?? [];
    const done = all.filter(({ acknowledged, endedAt }) => acknowledged && (endedAt ?? beganAt) < beganAt);
    const latest = Math.max(0, ...done.map((each) => each.beganAt));
    const candidates = all.filter(({ endedAt }) => (endedAt ?? Number.POSITIVE_INFINITY) >= latest);
    return { candidates, hasFloor: done.length > 0 };
  }
}
