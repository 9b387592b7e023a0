import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Martlet } from '../martlet.ts';

type Config = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface TempestOptions {
  /** Whose administrator tempest is. */
  martlet: Martlet;
  /** What is said in `tempest.conf` of this judge: sections of keys and values. How to log in, and the lock folder, are added. */
  config: Config;
  /** Which tests, as a regular expression. */
  regex: string;
  /** Processes that run tests side by side. */
  concurrency: number;
}

export interface TempestResult {
  passed: string[];
  failed: string[];
  /** With tempest's own reason. */
  skipped: string[];
  /** All it printed. */
  output: string;
}

const RESULT =
  /^\{\d+\} (?:(?:setUpClass|tearDownClass) \()?([\w.]+)\)?(?: \[[\d.]+s\])? \.\.\. (ok|FAILED|SKIPPED)(?:: (.*))?/;

/** Runs Debian's tempest in a workspace of its own, and removes it. */
export async function runTempest(options: TempestOptions): Promise<TempestResult> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-tempest-'));
  try {
    const config = join(folder, 'tempest.conf');
    const locks = { oslo_concurrency: { lock_path: join(folder, 'lock') } };
    await writeFile(config, configText(merged(await loginOf(options.martlet), options.config, locks)));
    // Debian's interpreter alone has Debian's modules; another Python may come first elsewhere.
    const run = (args: readonly string[]) =>
      execa('/usr/bin/tempest', args, {
        cwd: folder,
        reject: false,
        all: true,
        extendEnv: false,
        env: { PATH: '/usr/bin:/bin', HOME: folder, PYTHONWARNINGS: 'ignore', PYTHONDONTWRITEBYTECODE: '1' },
      });
    const made = await run(['init', 'workspace', '--workspace-path', join(folder, 'workspaces.yaml')]);
    if (made.exitCode !== 0) throw new Error(`tempest init: ${made.all}`);
    await writeFile(join(folder, 'workspace', 'etc', 'tempest.conf'), await readFile(config));
    const { all } = await execa(
      '/usr/bin/tempest',
      ['run', '--config-file', config, '--regex', options.regex, '--concurrency', String(options.concurrency)],
      {
        cwd: join(folder, 'workspace'),
        reject: false,
        all: true,
        extendEnv: false,
        env: { PATH: '/usr/bin:/bin', HOME: folder, PYTHONWARNINGS: 'ignore' },
      },
    );
    return resultOf(all ?? '');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function loginOf(martlet: Martlet): Promise<Config> {
  const { OS_PASSWORD = '' } = await martlet.environment('admin');
  return {
    auth: {
      use_dynamic_credentials: 'true',
      create_isolated_networks: 'false',
      admin_username: 'admin',
      admin_password: OS_PASSWORD,
      admin_project_name: 'admin',
      admin_domain_name: 'Default',
    },
    identity: {
      auth_version: 'v3',
      uri_v3: martlet.url(5000, '/v3'),
      v3_endpoint_type: 'public',
      region: 'RegionOne',
    },
    'identity-feature-enabled': { api_v2: 'false', api_v2_admin: 'false' },
    service_available: { neutron: 'false', nova: 'false', cinder: 'false', glance: 'false', swift: 'false' },
  };
}

/** Sections of the same name become one; of a key, the last counts. */
function merged(...configs: Config[]): Config {
  const all: Record<string, Record<string, string>> = {};
  for (const config of configs) {
    for (const [section, values] of Object.entries(config)) all[section] = { ...all[section], ...values };
  }
  return all;
}

function configText(config: Config): string {
  return Object.entries(config)
    .map(([section, values]) => [`[${section}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`)])
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function resultOf(output: string): TempestResult {
  const result: TempestResult = { passed: [], failed: [], skipped: [], output };
  for (const line of output.split('\n')) {
    const match = RESULT.exec(line);
    const [, name, outcome, reason] = match ?? [];
    if (name === undefined) continue;
    if (outcome === 'ok') result.passed.push(name);
    else if (outcome === 'FAILED') result.failed.push(name);
    else result.skipped.push(`${name}: ${reason ?? ''}`);
  }
  return result;
}

/** Tests that are known to fail or skip here, with the reason: `<section>:` and below it `<name>  # <reason>`. */
export async function knownSkips(section: string): Promise<Map<string, string>> {
  const text = await readFile(join(import.meta.dirname, '../../conformance/tempest-skips.txt'), 'utf8');
  const known = new Map<string, string>();
  let current = '';
  for (const line of text.split('\n')) {
    const head = /^([a-z-]+):\s*$/.exec(line);
    if (head?.[1]) current = head[1];
    const entry = /^\s+([\w.]+)\s+# (\S.*)$/.exec(line);
    if (current === section && entry?.[1] && entry[2]) known.set(entry[1], entry[2]);
  }
  return known;
}
