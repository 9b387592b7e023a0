import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { showOwnToken } from '../../auth/client.ts';
import type { PolicyTarget } from '../../auth/guard/contract.ts';
import { createPolicy, type ExplainingPolicy } from '../../auth/guard/policy.ts';
import { explanationLines } from '../../auth/guard/policy-explanation.ts';
import { readPolicyFile } from '../../auth/guard/policy-file.ts';
import { identityPolicy } from '../../auth/policy-defaults.ts';
import { StartError } from '../../common/errors.ts';
import { EX_NOPERM, EX_USAGE } from '../../common/exit-codes.ts';
import { DEFAULT_POLICIES as computePolicies } from '../../compute/policies.ts';
import { DEFAULT_POLICY as imagePolicies } from '../../image/policy.ts';
import { DEFAULT_POLICIES as volumePolicies } from '../../volume/policies.ts';
import { readConfiguration } from '../stopped-cloud.ts';

const DEFAULTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  identity: identityPolicy,
  image: imagePolicies,
  volume: volumePolicies,
  compute: computePolicies,
};

interface PolicyFlags {
  config?: string;
  policyFile?: string;
}

interface CheckFlags extends PolicyFlags {
  token: string;
  action: string;
  target: string[];
  authUrl?: string;
  data: string;
}

/** What the rules are, and why one of them allows or refuses. */
export function registerPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('the rules of who may do what');
  withFlags(policy.command('list'))
    .description('print every rule of every service; those of the policy file are marked')
    .option('--service <name>', 'identity, image, volume or compute alone')
    .action(list);
  withFlags(policy.command('check'))
    .description('say whether a token allows an action, and why; exits with 77 where it does not')
    .requiredOption('--token <token>', 'the token; validated by the identity service')
    .requiredOption('--action <name>', 'as in the list: identity:create_user, volume:get, …')
    .option(
      '--target <key=value>',
      'an attribute of what is acted on, as the rule names it: user.domain_id=default; may be repeated',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option('--auth-url <url>', 'identity API, with /v3; that of clouds.yaml in the data folder unless given')
    .option('--data <dir>', 'data folder', 'martlet-data')
    .action(check);
}

function withFlags(command: Command): Command {
  return command
    .option('--config <file>', 'configuration, YAML: names the policy file')
    .option('--policy-file <file>', 'policy file, YAML, in place of the configured one');
}

async function list(flags: PolicyFlags & { service?: string }): Promise<void> {
  const overrides = await overridesOf(flags);
  const services = flags.service === undefined ? Object.keys(DEFAULTS) : [flags.service];
  for (const service of services) {
    process.stdout.write(`# ${service}\n`);
    for (const [name, text] of policyOf(service, overrides).rules())
      process.stdout.write(`${Object.hasOwn(overrides, name) ? '* ' : '  '}${name}: ${text}\n`);
  }
}

async function check(flags: CheckFlags): Promise<void> {
  const overrides = await overridesOf(flags);
  const policies = Object.keys(DEFAULTS).map((service) => policyOf(service, overrides));
  const policy = policies.find((each) => each.rules().has(flags.action));
  if (!policy)
    throw new StartError(`no service has an action ${flags.action}; 'martlet policy list' shows them`, EX_USAGE);
  const authUrl = flags.authUrl ?? (await authUrlOf(flags.data));
  const identity = await showOwnToken(authUrl, flags.token);
  if (!identity) throw new StartError('identity does not accept the token', EX_NOPERM);
  const roles = identity.roles.map(({ name }) => name).join(', ') || 'no role';
  const explanation = policy.explain(flags.action, identity, targetOf(flags.target));
  const lines = [
    `${flags.action} is ${explanation.allowed ? 'allowed' : 'refused'}`,
    `user ${identity.user.name} of domain ${identity.user.domain.name}, scope ${scopeText(identity.scope)}, ${roles}`,
    ...explanationLines(explanation),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (!explanation.allowed) process.exitCode = EX_NOPERM;
}

function scopeText(scope: { kind: string; project?: { name: string }; domain?: { name: string } }): string {
  return [scope.kind, scope.project?.name ?? scope.domain?.name].filter(Boolean).join(' ');
}

async function overridesOf(flags: PolicyFlags): Promise<Readonly<Record<string, string>>> {
  const path = flags.policyFile ?? (await readConfiguration(flags.config)).policy_file;
  return path === undefined ? {} : readPolicyFile(resolve(path));
}

function policyOf(service: string, overrides: Readonly<Record<string, string>>): ExplainingPolicy {
  const defaults = Object.hasOwn(DEFAULTS, service) ? DEFAULTS[service] : undefined;
  if (!defaults) throw new StartError(`--service takes ${Object.keys(DEFAULTS).join(', ')}, not ${service}`, EX_USAGE);
  return createPolicy(defaults, overrides);
}

function targetOf(pairs: readonly string[]): PolicyTarget {
  const entries = pairs.map((pair): [string, string] => {
    const [key = '', ...value] = pair.split('=');
    if (key === '' || value.length === 0) throw new StartError(`--target takes key=value, not ${pair}`, EX_USAGE);
    return [key, value.join('=')];
  });
  return Object.fromEntries(entries);
}

async function authUrlOf(data: string): Promise<string> {
  const path = join(resolve(data), 'clouds.yaml');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new StartError(`${path} cannot be read: give --auth-url`, EX_USAGE, error);
  });
  const { clouds } = parse(text) as { clouds: Record<string, { auth: { auth_url: string } }> };
  const url = Object.values(clouds)[0]?.auth.auth_url;
  if (url === undefined) throw new StartError(`${path} names no cloud: give --auth-url`, EX_USAGE);
  return url;
}
