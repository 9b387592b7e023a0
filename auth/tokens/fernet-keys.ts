import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { invariant, StartError, systemErrorCode } from '../../common/errors.ts';
import { EX_CANTCREAT, EX_CONFIG } from '../../common/exit-codes.ts';
import { publishFile, syncDirectory } from '../../common/files/durable-file.ts';
import { FERNET_RELOAD_MS, MOST_FERNET_KEYS } from '../limits.ts';
import { decodeFernet, type FernetKey, parseFernetKey } from './fernet.ts';

/** The staged key: it decrypts already, and becomes the primary at the next rotation, when every node has read it. */
const STAGED = 0;
/** Permissions of a file that are not its owner's. */
const OTHERS = 0o077;

export interface FernetKeyRing {
  /** Encrypts new tokens. */
  readonly primary: FernetKey;
  /** Those that decrypt, the primary first. */
  readonly all: readonly FernetKey[];
}

/**
 * A folder of token keys: file `0` is staged, the highest number is the primary, the others only decrypt. Files are 0600 and
 * hold a key in base64url, so nodes that issue tokens together may share the folder.
 *
 * Spec: Keystone, "Fernet - Frequently Asked Questions": key types and rotation.
 */
export class FernetKeyRepository {
  private readonly folder: string;
  private readonly clock: Clock;
  private loaded: FernetKeyRing | undefined;
  private loadedMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string, clock: Clock) {
    this.folder = folder;
    this.clock = clock;
  }

  get keys(): FernetKeyRing {
    invariant(this.loaded, 'the token keys are read at start');
    return this.loaded;
  }

  /**
   * Reads the keys, and makes the first two where there are none.
   *
   * @throws StartError when the folder cannot be read or written, or a file in it is no key.
   */
  async open(): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      const numbers = await this.numbers();
      if (!numbers.includes(STAGED)) await this.write(STAGED, newKeyText());
      if (!numbers.some((number) => number > STAGED)) await this.write(1, newKeyText());
      this.loaded = await this.load();
    } catch (error) {
      if (error instanceof StartError || systemErrorCode(error) === undefined) throw error;
      throw new StartError(`token keys: ${(error as Error).message}`, EX_CANTCREAT, error);
    }
  }

  /** Reads the keys again, at most once a second: another node may have rotated them. @returns whether they were read. */
  async reload(): Promise<boolean> {
    if (this.clock.nowMs() - this.loadedMs < FERNET_RELOAD_MS) return false;
    this.loaded = await this.load();
    return true;
  }

  /** What was encrypted with one of the keys, undefined for any other text; where none fits, the keys are read again. */
  async decrypt(text: string): Promise<Buffer | undefined> {
    const bytes = decodeFernet(text, this.keys.all);
    return bytes ?? ((await this.reload()) ? decodeFernet(text, this.keys.all) : undefined);
  }

  /**
   * Makes the staged key the primary and stages a new one. A crash after the first line leaves the staged key under two
   * numbers, which decrypts and encrypts the same; one after the second leaves a key too many.
   *
   * @param mostKeys how many keys to keep, 3 or more: staged, primary, and older ones.
   */
  async rotate(mostKeys: number): Promise<void> {
    invariant(mostKeys >= 3, 'fewer than three keys refuse tokens that were just issued');
    const highest = Math.max(...(await this.numbers()));
    await this.write(highest + 1, await readFile(this.pathOf(STAGED), 'utf8'));
    await this.write(STAGED, newKeyText());
    const retired = (await this.numbers()).filter((number) => number !== STAGED).slice(mostKeys - 1);
    for (const number of retired) await rm(this.pathOf(number));
    await syncDirectory(this.folder);
    this.loaded = await this.load();
  }

  /** How many keys lie there. */
  async count(): Promise<number> {
    return (await this.numbers()).length;
  }

  /** Removes what neither is staged nor primary: nothing is encrypted with those any longer. */
  async removeOld(): Promise<void> {
    const [, ...older] = (await this.numbers()).filter((number) => number !== STAGED);
    for (const number of older) await rm(this.pathOf(number));
    await syncDirectory(this.folder);
    this.loaded = await this.load();
  }

  private async load(): Promise<FernetKeyRing> {
    const [primary, ...older] = await Promise.all((await this.numbers()).map((number) => this.read(number)));
    if (!primary) throw new StartError(`token keys: ${this.folder} holds no key`, EX_CONFIG);
    this.loadedMs = this.clock.nowMs();
    return { primary, all: [primary, ...older] };
  }

  private async read(number: number): Promise<FernetKey> {
    await this.assertPrivate(this.pathOf(number));
    const key = parseFernetKey(await readFile(this.pathOf(number), 'utf8'));
    if (!key) throw new StartError(`token keys: ${this.pathOf(number)} holds no Fernet key`, EX_CONFIG);
    return key;
  }

  /** Who can read a key can make everybody's tokens: it is not used until nobody but its owner can. */
  private async assertPrivate(path: string): Promise<void> {
    const { mode } = await stat(path);
    if (mode & OTHERS)
      throw new StartError(`token keys: others than its owner can read ${path}: chmod 600 it`, EX_CONFIG);
  }

  /** Numbers of the key files, the primary's first, the staged one's last. */
  private async numbers(): Promise<number[]> {
    const names = (await readdir(this.folder)).filter((name) => /^(0|[1-9]\d{0,8})$/.test(name));
    if (names.length > MOST_FERNET_KEYS)
      throw new StartError(`token keys: ${names.length} files in ${this.folder}`, EX_CONFIG);
    return names.map(Number).sort((left, right) => right - left);
  }

  private write(number: number, text: string): Promise<void> {
    return publishFile(this.pathOf(number), text, { mode: 0o600 });
  }

  private pathOf(number: number): string {
    return join(this.folder, String(number));
  }
}

function newKeyText(): string {
  return `${randomBytes(32).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`;
}
