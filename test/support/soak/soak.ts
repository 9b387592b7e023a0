import { createHash, randomInt } from 'node:crypto';
import type { Martlet } from '../martlet.ts';
import { Acknowledgements, type BodyId, bodyOf, etagOf, type Intent } from './acknowledgements.ts';
import { Cloud } from './cloud.ts';

const CONTAINERS = ['one', 'two'];
const NAMES_PER_CONTAINER = 60;
const CLIENTS = 16;
const MOST_LOAD_MS = 1500;
const EXACT_WITHIN_MS = 60_000;
const READERS = 16;

interface Row {
  name: string;
  hash: string;
  bytes: number;
}

/** A Martlet under mixed load that is killed again and again, and what its clients expect to find afterwards. */
export class Soak {
  /** `startMs`, `auditMs`: the longest ones. */
  readonly counts = { acknowledged: 0, refused: 0, cut: 0, kills: 0, startMs: 0, auditMs: 0 };
  private readonly martlet: Martlet;
  private readonly cloud: Cloud;
  private readonly acknowledgements = new Acknowledgements();
  /** What is wrong, as clients found it while they worked. */
  private readonly complaints: string[] = [];
  private dying = false;

  constructor(martlet: Martlet) {
    this.martlet = martlet;
    this.cloud = new Cloud(martlet);
  }

  async begin(): Promise<void> {
    await this.cloud.login();
    for (const container of CONTAINERS) await this.expectStatus(201, 'PUT', `/${container}`);
  }

  async end(): Promise<void> {
    await this.cloud.close();
  }

  /** Load, kill -9 at a random moment, start, audit. @throws when a promise was broken. */
  async round(): Promise<void> {
    this.dying = false;
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!this.dying) await this.operation();
    });
    await new Promise((resolve) => setTimeout(resolve, randomInt(MOST_LOAD_MS)));
    this.dying = true;
    await this.martlet.kill();
    this.counts.kills += 1;
    await Promise.all(clients);
    this.acknowledgements.processDied();
    const killedAt = Date.now();
    await this.martlet.up();
    await this.cloud.login();
    const upAt = Date.now();
    await this.audit();
    this.counts.startMs = Math.max(this.counts.startMs, upAt - killedAt);
    this.counts.auditMs = Math.max(this.counts.auditMs, Date.now() - upAt);
    if (this.complaints.length > 0) throw new Error(this.complaints.slice(0, 10).join('\n'));
  }

  private async operation(): Promise<void> {
    const path = this.anyPath();
    const drawn = randomInt(100);
    try {
      if (drawn < 45) await this.put(path);
      else if (drawn < 55) await this.copy(path);
      else if (drawn < 75) await this.remove(path);
      else if (drawn < 95) await this.read(path);
      else await this.list(path.split('/')[1] ?? '');
    } catch (error) {
      this.counts.cut += 1; // the connection is gone: so is the process
      if (!this.dying) this.complaints.push(`${path}: ${String(error)}`);
    }
  }

  private async put(path: string): Promise<void> {
    const id = this.acknowledgements.newBody(sizeOf());
    await this.write(path, id, () => this.cloud.call('PUT', path, { body: bodyOf(id) }), [201]);
  }

  private async copy(path: string): Promise<void> {
    const source = this.anyPath();
    const headers = { 'x-copy-from': source, 'content-length': '0' };
    await this.write(path, 'copied', () => this.cloud.call('PUT', path, { headers }), [201]);
  }

  private async remove(path: string): Promise<void> {
    await this.write(path, undefined, () => this.cloud.call('DELETE', path), [204, 404]);
  }

  private async write(
    path: string,
    body: Intent['body'],
    send: () => Promise<{ status: number }>,
    done: number[],
  ): Promise<void> {
    const intent = this.acknowledgements.begin(path, body);
    const { status } = await send();
    if (done.includes(status)) {
      this.acknowledgements.acknowledge(intent);
      this.counts.acknowledged += 1;
    } else if (status < 500) {
      this.acknowledgements.refuse(path, intent);
      this.counts.refused += 1;
      if (status !== 404 || body !== 'copied') this.complaints.push(`${path} was answered ${status}`);
    } else this.counts.refused += 1;
  }

  private async read(path: string): Promise<void> {
    const beganAt = this.acknowledgements.now();
    const found = await this.fetch(path);
    if (found === 'unknown') return;
    const complaint = this.acknowledgements.complaintAbout(path, found?.etag, beganAt);
    if (complaint) this.complaints.push(complaint);
  }

  private async list(container: string): Promise<void> {
    const { status } = await this.cloud.call('GET', `/${container}?format=json`);
    if (status !== 200) this.complaints.push(`the listing of ${container} was answered ${status}`);
  }

  /** @returns undefined where there is none; 'unknown' where nobody can tell just now. */
  private async fetch(path: string): Promise<{ etag: string } | undefined | 'unknown'> {
    const { status, headers, body } = await this.cloud.call('GET', path);
    if (status === 404) return undefined;
    if (status !== 200) return 'unknown';
    const etag = headers['etag'] ?? '';
    if (createHash('md5').update(body).digest('hex') !== etag)
      this.complaints.push(`${path} is not what its ETag says`);
    return { etag };
  }

  /** Nobody writes: every object is what an acknowledged write made it, listings and counters say the same. */
  private async audit(): Promise<void> {
    const found = new Map<string, BodyId>();
    const left = [...this.acknowledgements.names];
    const reader = async () => {
      for (let path = left.pop(); path !== undefined; path = left.pop()) {
        const object = await this.fetch(path);
        if (object === 'unknown') throw new Error(`${path} cannot be read after the start`);
        const complaint = this.acknowledgements.complaintAbout(path, object?.etag);
        if (complaint) this.complaints.push(complaint);
        const isInDoubt = this.acknowledgements.isInDoubt(path);
        this.acknowledgements.settle(path, object?.etag);
        const id = isInDoubt ? await this.heal(path) : object && this.acknowledgements.bodyIdOf(object.etag);
        if (id !== undefined) found.set(path, id);
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    await this.untilExact('listings', () => this.listingsComplaint(found));
    await this.untilExact('counters', () => this.countersComplaint(found));
  }

  /**
   * What was under way at the kill may have reached one replica alone: replication would spread it, or what is newer. Until then readers
   * and listings may see either. Here a new write ends that.
   */
  private async heal(path: string): Promise<BodyId> {
    const id = this.acknowledgements.newBody(sizeOf());
    const intent = this.acknowledgements.begin(path, id);
    const { status } = await this.cloud.call('PUT', path, { body: bodyOf(id) });
    if (status !== 201) throw new Error(`PUT ${path} was answered ${status} after the start`);
    this.acknowledgements.acknowledge(intent);
    return id;
  }

  private async listingsComplaint(found: ReadonlyMap<string, BodyId>): Promise<string | undefined> {
    const listed = new Map<string, string>();
    for (const container of CONTAINERS) {
      const { body } = await this.cloud.call('GET', `/${container}?format=json`);
      for (const { name, hash, bytes } of JSON.parse(body.toString()) as Row[])
        listed.set(`/${container}/${name}`, `${hash} ${bytes}`);
    }
    const wrong = [...new Set([...listed.keys(), ...found.keys()])].filter((path) => {
      const id = found.get(path);
      return listed.get(path) !== (id && `${etagOf(id)} ${bodyOf(id).length}`);
    });
    const [first] = wrong;
    if (first === undefined) return undefined;
    return `${wrong.length} rows are wrong: ${first} is ${found.get(first)}, listed ${listed.get(first)}`;
  }

  private async countersComplaint(found: ReadonlyMap<string, BodyId>): Promise<string | undefined> {
    const expected = [...CONTAINERS.map((container) => `/${container}`), ''].map((path) => {
      const inside = [...found].filter(([name]) => name.startsWith(`${path}/`));
      return `${path} ${inside.length} ${inside.reduce((sum, [, id]) => sum + bodyOf(id).length, 0)}`;
    });
    const told: string[] = [];
    for (const path of [...CONTAINERS.map((container) => `/${container}`), '']) {
      const { headers } = await this.cloud.call('HEAD', path);
      const kind = path === '' ? 'account' : 'container';
      told.push(`${path} ${headers[`x-${kind}-object-count`]} ${headers[`x-${kind}-bytes-used`]}`);
    }
    return told.join() === expected.join() ? undefined : `told ${told.join()}; expected ${expected.join()}`;
  }

  private async untilExact(what: string, complaint: () => Promise<string | undefined>): Promise<void> {
    const deadline = Date.now() + EXACT_WITHIN_MS;
    let wrong = await complaint();
    while (wrong !== undefined && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      wrong = await complaint();
    }
    if (wrong !== undefined) this.complaints.push(`${what}: ${wrong}`);
  }

  private anyPath(): string {
    return `/${CONTAINERS[randomInt(CONTAINERS.length)]}/${randomInt(NAMES_PER_CONTAINER)}`;
  }

  private async expectStatus(expected: number, method: 'PUT', path: string): Promise<void> {
    const { status } = await this.cloud.call(method, path);
    if (status !== expected) throw new Error(`${method} ${path} was answered ${status}`);
  }
}

/** Mostly small; on both sides of what lies in slabs; some larger. */
function sizeOf(): number {
  const drawn = randomInt(100);
  if (drawn < 70) return 16 + randomInt(8000);
  if (drawn < 85) return 16 + randomInt(60_000);
  if (drawn < 93) return (64 << 10) - 2 + randomInt(5);
  return (64 << 10) + randomInt(1_500_000);
}
