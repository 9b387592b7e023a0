import { execa, type Result } from 'execa';
import type { Martlet } from './martlet.ts';

/** Debian's own interpreter first: another python3 in PATH lacks the clients' modules. */
const PATH = '/usr/bin:/bin:/usr/sbin:/sbin';

export type Row = Record<string, unknown>;

/** Runs OpenStack's command line as `who` and returns its JSON answer. @throws with the command's own words when it fails. */
export async function openstack<T = Row>(
  martlet: Martlet,
  args: readonly string[],
  who: 'demo' | 'admin' = 'demo',
): Promise<T> {
  const { stdout } = await client(martlet, 'openstack', [...cloud(who), ...args, '-f', 'json'], who);
  return JSON.parse(stdout) as T;
}

/** The same for commands that print nothing. */
export async function openstackQuietly(
  martlet: Martlet,
  args: readonly string[],
  who: 'demo' | 'admin' = 'demo',
): Promise<void> {
  await client(martlet, 'openstack', [...cloud(who), ...args], who);
}

/** Runs it for a refusal: returns what it printed on standard error. @throws if it succeeds. */
export async function openstackRefused(
  martlet: Martlet,
  args: readonly string[],
  who: 'demo' | 'admin' = 'demo',
): Promise<string> {
  const result = await execa('/usr/bin/openstack', [...cloud(who), ...args], {
    env: { PATH, ...(await martlet.environment(who)) },
    reject: false,
  });
  if (result.exitCode === 0) throw new Error(`openstack ${args.join(' ')} was not refused:\n${result.stdout}`);
  return result.stderr;
}

/** Runs another client (`swift`, `glance`, `rclone`) with the environment of `who`. */
export async function client(
  martlet: Martlet,
  program: string,
  args: readonly string[],
  who: 'demo' | 'admin' = 'demo',
  options: { cwd?: string; input?: string } = {},
): Promise<Result & { stdout: string }> {
  const result = await execa(`/usr/bin/${program}`, args, {
    env: { PATH, ...(await martlet.environment(who)) },
    maxBuffer: 64 << 20,
    ...options,
  });
  return result as Result & { stdout: string };
}

function cloud(who: 'demo' | 'admin'): string[] {
  return ['--os-cloud', who === 'admin' ? 'martlet-admin' : 'martlet'];
}
