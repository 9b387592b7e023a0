import { readFile, stat } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { StartError, systemErrorCode } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';
import type { Logger } from '../../common/log.ts';
import type { PolicyOverrides } from './policy.ts';
import { PolicyRuleError, parsePolicyRule } from './policy-rule.ts';

/** How often the file is looked at. */
const POLL_MS = 1_000;
/** Largest policy file. */
const MOST_BYTES = 4 << 20;

/**
 * The operator's policy: one YAML file of rules by name, for all services. It is read again when it changes; a file that cannot be
 * used is reported and changes nothing.
 *
 * Spec: oslo.policy, "Policy file": a text, or a list of lists, whose inner ones are joined by `and` and which are joined by `or`.
 */
export class PolicyFile implements PolicyOverrides {
  private readonly path: string;
  private readonly logger: Logger;
  private readonly listeners: (() => void)[] = [];
  private texts: Readonly<Record<string, string>>;
  private seen: string;
  private timer: NodeJS.Timeout | undefined;

  private constructor(path: string, logger: Logger, texts: Readonly<Record<string, string>>, seen: string) {
    this.path = path;
    this.logger = logger;
    this.texts = texts;
    this.seen = seen;
  }

  /** @throws StartError where it cannot be read or is no policy. */
  static async open(path: string, logger: Logger): Promise<PolicyFile> {
    const seen = await stampOf(path);
    return new PolicyFile(path, logger, await readPolicyFile(path), seen);
  }

  current(): Readonly<Record<string, string>> {
    return this.texts;
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Looks for changes from now on. */
  watch(): void {
    this.timer = setInterval(() => void this.reload(), POLL_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Reads the file if it has changed. @returns whether its rules are in force now. */
  async reload(): Promise<boolean> {
    const before = this.texts;
    try {
      const seen = await stampOf(this.path);
      if (seen === this.seen) return false;
      this.seen = seen;
      this.texts = await readPolicyFile(this.path);
      for (const listener of this.listeners) listener();
      return true;
    } catch (error) {
      this.texts = before;
      // Services that took the new rules already go back; the old ones were in force before, so they compile.
      for (const listener of this.listeners) listener();
      this.logger.error({ err: error, file: this.path }, 'the policy file cannot be used; the rules of before stay');
      return false;
    }
  }
}

/** @throws StartError naming the file and what is wrong with it. */
export async function readPolicyFile(path: string): Promise<Record<string, string>> {
  let parsed: unknown;
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > MOST_BYTES) throw new Error(`it has ${text.length} characters`);
    parsed = parseYaml(text, { maxAliasCount: 10 });
  } catch (error) {
    throw new StartError(`policy file ${path}: ${(error as Error).message.split('\n')[0]}`, EX_CONFIG, error);
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new StartError(`policy file ${path}: it is no mapping of rules by name`, EX_CONFIG);
  return Object.fromEntries(Object.entries(parsed).map(([name, rule]) => [name, textOf(path, name, rule)]));
}

function textOf(path: string, name: string, rule: unknown): string {
  const text = typeof rule === 'string' ? rule : listText(rule);
  try {
    if (text === undefined) throw new PolicyRuleError('it is neither a text nor a list of lists of texts');
    parsePolicyRule(text);
    return text;
  } catch (error) {
    if (!(error instanceof PolicyRuleError)) throw error;
    throw new StartError(`policy file ${path}: rule "${name}": ${error.message}`, EX_CONFIG, error);
  }
}

/** The older form: `[["role:admin"], ["role:a", "role:b"]]`; an empty list allows everything. */
function listText(rule: unknown): string | undefined {
  if (!Array.isArray(rule)) return undefined;
  if (rule.length === 0) return '@';
  const alternatives = rule.map((each: unknown) => (typeof each === 'string' ? [each] : each));
  if (!alternatives.every((each) => Array.isArray(each) && each.every((check) => typeof check === 'string')))
    return undefined;
  return alternatives.map((each) => (each.length === 0 ? '@' : `(${(each as string[]).join(' and ')})`)).join(' or ');
}

async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new StartError(`policy file ${path}: ${(error as Error).message}`, EX_CONFIG, error);
  }
}
