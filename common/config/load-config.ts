import type { Static, TObject, TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject } from 'ajv';
import { parse as parseYaml } from 'yaml';
import { StartError } from '../errors.ts';
import { EX_CONFIG } from '../exit-codes.ts';

type Tree = Record<string, unknown>;

export interface ConfigSources {
  /** Text of the YAML file, with its name for messages; undefined where none was given. */
  file?: { name: string; text: string } | undefined;
  /** Environment: `MARTLET_VOLUME__QUOTA__GIGABYTES=5` sets `volume.quota.gigabytes`; values are read as YAML. */
  environment: Readonly<Record<string, string | undefined>>;
  /** From the command line; strongest. */
  overrides: Tree;
}

const ENVIRONMENT_PREFIX = 'MARTLET_';

/**
 * Reads the configuration once, at start: file, then environment, then command line; defaults from the schema.
 *
 * @throws StartError (exit code 78) naming the key, what it must be, and for an unknown key the nearest known one.
 */
export function loadConfig<S extends TObject>(schema: S, sources: ConfigSources): Static<S> {
  const config = sources.file ? parseFile(sources.file) : {};
  for (const [name, text] of Object.entries(sources.environment)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
    const path = name.slice(ENVIRONMENT_PREFIX.length).toLowerCase().split('__');
    setPath(config, matchKeys(schema, path), parseYaml(text));
  }
  mergeInto(config, sources.overrides);
  const ajv = new Ajv({ useDefaults: 'empty', allErrors: true, strict: false });
  const validate = ajv.compile(withNestedDefaults(schema));
  if (validate(config)) return config as Static<S>;
  const [error] = validate.errors ?? [];
  throw new StartError(`configuration: ${error ? explain(error, schema) : 'invalid'}`, EX_CONFIG);
}

function parseFile({ name, text }: { name: string; text: string }): Tree {
  let parsed: unknown;
  try {
    parsed = parseYaml(text, { maxAliasCount: 10 });
  } catch (error) {
    throw new StartError(
      `configuration: ${name}: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
      EX_CONFIG,
    );
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new StartError(`configuration: ${name} is no mapping`, EX_CONFIG);
  return parsed as Tree;
}

/** Gives every object in the schema an empty default, so that the defaults of its keys apply where the file names none. */
function withNestedDefaults<S extends TSchema>(schema: S): S {
  if (schema['type'] !== 'object' || !schema['properties']) return schema;
  const properties = Object.entries(schema['properties'] as Record<string, TSchema>).map(([key, child]) => {
    const nested = withNestedDefaults(child);
    const isOptional = !((schema['required'] as string[] | undefined) ?? []).includes(key);
    return [
      key,
      nested['type'] === 'object' && nested['properties'] && !isOptional ? { ...nested, default: {} } : nested,
    ];
  });
  return { ...schema, properties: Object.fromEntries(properties), additionalProperties: false };
}

/** An environment name has no case and no dashes: find the schema's key that it means. */
function matchKeys(schema: TSchema, path: readonly string[]): string[] {
  let current: TSchema | undefined = schema;
  return path.map((part) => {
    const keys = Object.keys((current?.['properties'] as object | undefined) ?? {});
    const key = keys.find((each) => each.toLowerCase().replaceAll('-', '_') === part) ?? part;
    current = (current?.['properties'] as Record<string, TSchema> | undefined)?.[key];
    return key;
  });
}

function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const child = tree[key];
  const next: Tree = typeof child === 'object' && child !== null ? (child as Tree) : {};
  tree[key] = next;
  setPath(next, rest, value);
}

function mergeInto(tree: Tree, overrides: Tree): void {
  for (const [key, value] of Object.entries(overrides)) if (value !== undefined) tree[key] = value;
}

function explain(error: ErrorObject, schema: TObject): string {
  const where = error.instancePath.split('/').slice(1);
  const path = where.join('.');
  if (error.keyword === 'additionalProperties') {
    const unknown = String(error.params['additionalProperty']);
    const known = keysAt(schema, where);
    const nearest = known.toSorted((a, b) => distance(a, unknown) - distance(b, unknown))[0];
    return `unknown key '${[...where, unknown].join('.')}'${nearest ? `; did you mean '${[...where, nearest].join('.')}'?` : ''}`;
  }
  const allowed = error.keyword === 'enum' ? `: ${(error.params['allowedValues'] as unknown[]).join(', ')}` : '';
  return `'${path}' ${error.message ?? 'is invalid'}${allowed}`;
}

function keysAt(schema: TSchema, path: readonly string[]): string[] {
  let current: TSchema | undefined = schema;
  for (const part of path) current = (current?.['properties'] as Record<string, TSchema> | undefined)?.[part];
  return Object.keys((current?.['properties'] as object | undefined) ?? {});
}

/** Levenshtein distance: how many letters to change, add or drop. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
