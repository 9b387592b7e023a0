import { StartError } from '../../common/errors.ts';
import { EX_CONFIG } from '../../common/exit-codes.ts';

/** The secrets that all keys are derived from; one of them for what is written, all of them for what is read. */
export interface RootSecrets {
  /** Id of the secret that new objects are written with. */
  readonly active: string;
  /** By id: base64 of at least 32 bytes. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Ids are written into each object's metadata and each listing row. */
const SECRET_ID = /^[A-Za-z0-9_-]{1,32}$/;
const LEAST_SECRET_BYTES = 32;

export function isSecretId(text: string): boolean {
  return SECRET_ID.test(text);
}

/**
 * Reads the text of a file of root secrets. Layout: docs/formats/encrypted-objects.md.
 *
 * @param name of the file, for the message.
 * @throws StartError that says what is wrong, and never holds a secret.
 */
export function parseRootSecrets(text: string, name: string): RootSecrets {
  const wrong = (what: string) => new StartError(`root secrets ${name}: ${what}`, EX_CONFIG);
  const file = parseJson(text);
  if (!isRecord(file) || typeof file['active'] !== 'string' || !isRecord(file['secrets']))
    throw wrong('not of the form {"active":"<id>","secrets":{"<id>":"<base64>"}}');
  const { active, secrets } = file;
  const checked: Record<string, string> = {};
  for (const [id, secret] of Object.entries(secrets)) {
    if (!isSecretId(id)) throw wrong(`'${id.slice(0, 64)}' is no id: letters, digits, - and _, at most 32`);
    if (typeof secret !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(secret))
      throw wrong(`the secret '${id}' is not base64`);
    if (Buffer.from(secret, 'base64').length < LEAST_SECRET_BYTES)
      throw wrong(`the secret '${id}' is shorter than ${LEAST_SECRET_BYTES} bytes`);
    checked[id] = secret;
  }
  if (!Object.hasOwn(checked, active)) throw wrong(`there is no secret with the active id '${active.slice(0, 64)}'`);
  return { active, secrets: checked };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
