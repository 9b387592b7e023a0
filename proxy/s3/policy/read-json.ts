import { s3Error } from '../errors.ts';
import { MOST_POLICY_DEPTH } from '../limits.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Reads a JSON text that decides who may do what: it means one thing only, so no object may say a name twice.
 *
 * @throws ApiError `MalformedPolicy` for what is no UTF-8 or JSON, is too deep, or says a name twice.
 */
export function readJson(bytes: Uint8Array): Json {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    assertShallow(text);
    const parsed = JSON.parse(text) as Json;
    if (namesIn(parsed) !== namesOf(text)) throw malformed('It says a name twice in one object.');
    return parsed;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError)
      throw malformed('It is not valid JSON.', { cause: error });
    throw error;
  }
}

export function malformed(why: string, { cause }: { cause?: unknown } = {}): Error {
  return s3Error('MalformedPolicy', { message: `The policy is malformed. ${why}`, cause });
}

/** Strings, each as a whole and with the colon that makes it a name; and what opens and closes. */
const TOKENS = /"(?:[^"\\]|\\.)*"(\s*:)?|[[\]{}]/g;

/** Before anything recurses. */
function assertShallow(text: string): void {
  let depth = 0;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    if (depth > MOST_POLICY_DEPTH) throw malformed('Its elements are too deep inside each other.');
  }
}

function namesOf(text: string): number {
  return [...text.matchAll(TOKENS)].filter(([, colon]) => colon !== undefined).length;
}

function namesIn(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0;
  const values = Object.values(value);
  const own = Array.isArray(value) ? 0 : values.length;
  return values.reduce((sum: number, child) => sum + namesIn(child), own);
}
