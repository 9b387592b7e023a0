import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { bootstrapCloud } from '../../auth/bootstrap.ts';
import { hasUser, resetPassword } from '../../auth/recovery.ts';
import { FernetKeyRepository } from '../../auth/tokens/fernet-keys.ts';
import { systemClock } from '../../common/clock.ts';
import { StartError } from '../../common/errors.ts';
import { EX_NOUSER } from '../../common/exit-codes.ts';
import { loadClusterSecrets } from '../cluster-secrets.ts';
import { replacePassword } from '../credential-files.ts';
import { assertCloud, readConfiguration, type StoppedCloud, withStoppedCloud } from '../stopped-cloud.ts';

/** Keys of credentials that may lie there: the staged one, the primary, and those that the service has not done without yet. */
const MOST_CREDENTIAL_KEYS = 16;

interface DataFlags {
  data: string;
  config?: string;
}

/** What the machine's owner does with identity, with nothing but the data folder. */
export function registerAuthCommands(program: Command): void {
  const auth = program.command('auth').description('token keys, bootstrap and recovery of the identity service');
  withFlags(auth.command('rotate-keys'))
    .description(
      'make the staged keys the primary ones and stage new ones, of tokens and of credentials; may be done while Martlet runs',
    )
    .action(rotateKeys);
  withFlags(auth.command('bootstrap'))
    .description(
      'make again what an administrator needs and is not there; changes nothing else; Martlet must be stopped',
    )
    .action(bootstrap);
  withFlags(auth.command('reset-password'))
    .description('give a user a new password, which is printed; enables the user; Martlet must be stopped')
    .option('--user <name>', 'a user of domain Default', 'admin')
    .action(reset);
}

function withFlags(command: Command): Command {
  return command.option('--data <dir>', 'data folder', 'martlet-data').option('--config <file>', 'configuration, YAML');
}

async function rotateKeys(flags: DataFlags): Promise<void> {
  const dataPath = resolve(flags.data);
  await assertCloud(dataPath);
  const { auth } = await readConfiguration(flags.config);
  const keys = new FernetKeyRepository(join(dataPath, 'keys', 'fernet'), systemClock);
  await keys.open();
  await keys.rotate(auth.fernet_keys);
  const credentialsRotated = await rotateCredentialKeys(dataPath);
  process.stdout.write(
    `the token keys are rotated; tokens of the last ${auth.fernet_keys - 2} rotations still hold. A running Martlet notices within seconds.\n${
      credentialsRotated
        ? 'the keys of credentials are rotated; a running Martlet encrypts credentials anew within a minute, else its next start does.\n'
        : 'the keys of credentials are not rotated: credentials are still encrypted with older ones. Start Martlet, and look at its log.\n'
    }`,
  );
}

/** No key is dropped here: the service does that when nothing is encrypted with it. @returns false where too many wait for that. */
async function rotateCredentialKeys(dataPath: string): Promise<boolean> {
  const keys = new FernetKeyRepository(join(dataPath, 'keys', 'credential'), systemClock);
  await keys.open();
  if ((await keys.count()) >= MOST_CREDENTIAL_KEYS) return false;
  await keys.rotate(MOST_CREDENTIAL_KEYS);
  return true;
}

async function bootstrap(flags: DataFlags): Promise<void> {
  const made = await withStoppedCloud(flags, async ({ dataPath, store, config }) => {
    const missing: string[] = [];
    for (const name of ['admin', 'demo']) if (!(await hasUser({ store, config }, name, 'default'))) missing.push(name);
    const passwords = { admin: newPassword(), demo: newPassword() };
    const { servicePasswords } = await loadClusterSecrets(dataPath);
    const spec = { adminPassword: passwords.admin, demoPassword: passwords.demo, servicePasswords };
    await bootstrapCloud({ store, config }, spec);
    for (const name of missing) await replacePassword(dataPath, name, passwords[name as keyof typeof passwords]);
    return missing;
  });
  const what =
    made.length === 0 ? 'everything was there' : `made ${made.join(' and ')} anew; clouds.yaml has the password`;
  process.stdout.write(`${what}\n`);
}

async function reset(flags: DataFlags & { user: string }): Promise<void> {
  const password = newPassword();
  await withStoppedCloud(flags, (cloud) => resetIn(cloud, flags.user, password));
  process.stdout.write(`${password}\n`);
}

async function resetIn({ dataPath, store, config }: StoppedCloud, userName: string, password: string): Promise<void> {
  const given = { userName, domainId: 'default', password };
  if (!(await resetPassword({ store, config }, given, systemClock.nowMs())))
    throw new StartError(
      `domain Default has no user ${userName}; 'martlet auth bootstrap' makes admin and demo`,
      EX_NOUSER,
    );
  // After the records: who finds the old password in the files is refused, and runs this again.
  await replacePassword(dataPath, userName, password);
}

function newPassword(): string {
  return randomBytes(18).toString('base64url');
}
