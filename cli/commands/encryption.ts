import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { StartError } from '../../common/errors.ts';
import { EX_NOINPUT, EX_USAGE } from '../../common/exit-codes.ts';
import { isSecretId, type RootSecrets } from '../../proxy/encryption/root-secrets.ts';
import { readRootSecrets, saveRootSecrets } from '../root-secrets-file.ts';

const SECRET_BYTES = 32;

const HELP = `
The configuration names the file: proxy: { encryption: { root_secrets: FILE } }. Every proxy of a cluster needs the same one.
A new secret comes in two steps: add it on every node and start each again; then activate it on every node, and again.
A secret that was ever active stays: without it, what was written with it cannot be read.`;

/** Adds `martlet encryption add|activate|list FILE` to the program: the file of root secrets. */
export function registerEncryptionCommands(program: Command): void {
  const encryption = program
    .command('encryption')
    .description('the secrets that objects are encrypted with at rest')
    .addHelpText('after', HELP);
  encryption
    .command('add')
    .description('make a new root secret, in a new file or in one that is there; the first one is active')
    .argument('<file>', 'file of root secrets')
    .option('--id <id>', 'name of the secret: letters, digits, - and _, at most 32; a number unless given')
    .option('--activate', 'write with it from the next start on')
    .action(async (file: string, options: { id?: string; activate?: boolean }) => {
      const { id, active } = await addSecret(resolve(file), options);
      process.stdout.write(id === active ? `${id} is active\n` : `${id} is there; ${active} is active\n`);
    });
  encryption
    .command('activate')
    .description('write with another root secret from the next start on')
    .argument('<file>', 'file of root secrets')
    .argument('<id>', 'name of the secret')
    .action(async (file: string, id: string) => {
      await activateSecret(resolve(file), id);
      process.stdout.write(`${id} is active\n`);
    });
  encryption
    .command('list')
    .description('print the ids of the root secrets; never the secrets')
    .argument('<file>', 'file of root secrets')
    .action(async (file: string) => {
      const { active, secrets } = await existing(resolve(file));
      for (const id of Object.keys(secrets)) process.stdout.write(id === active ? `${id} (active)\n` : `${id}\n`);
    });
}

/** @throws StartError for an id that is none, or is there already. */
export async function addSecret(
  path: string,
  options: { id?: string; activate?: boolean },
): Promise<{ id: string; active: string }> {
  const before = await readRootSecrets(path);
  const secrets = before?.secrets ?? {};
  const id = options.id ?? nextNumber(secrets);
  if (!isSecretId(id)) throw new StartError(`'${id}' is no id: letters, digits, - and _, at most 32`, EX_USAGE);
  if (Object.hasOwn(secrets, id))
    throw new StartError(`root secrets ${path}: there is a secret '${id}' already`, EX_USAGE);
  const active = before === undefined || options.activate === true ? id : before.active;
  await saveRootSecrets(path, { active, secrets: { ...secrets, [id]: randomBytes(SECRET_BYTES).toString('base64') } });
  return { id, active };
}

/** @throws StartError where there is no such secret. */
export async function activateSecret(path: string, id: string): Promise<void> {
  const { secrets } = await existing(path);
  if (!Object.hasOwn(secrets, id)) throw new StartError(`root secrets ${path}: there is no secret '${id}'`, EX_USAGE);
  await saveRootSecrets(path, { active: id, secrets });
}

async function existing(path: string): Promise<RootSecrets> {
  const secrets = await readRootSecrets(path);
  if (!secrets) throw new StartError(`root secrets ${path}: it is not there`, EX_NOINPUT);
  return secrets;
}

function nextNumber(secrets: RootSecrets['secrets']): string {
  const numbers = Object.keys(secrets).filter((id) => /^\d{1,9}$/.test(id));
  return String(Math.max(0, ...numbers.map(Number)) + 1);
}
