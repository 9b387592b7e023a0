import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { publishFile } from '../common/files/durable-file.ts';

export interface Login {
  username: string;
  password: string;
  projectName: string;
}

/** Writes what clients read to find the cloud, 0600 each: `clouds.yaml` (clouds martlet and martlet-admin), `openrc`, `admin-openrc`. */
export async function writeCredentialFiles(
  dataPath: string,
  authUrl: string,
  demo: Login,
  admin: Login,
): Promise<void> {
  const clouds = { martlet: cloudOf(authUrl, demo), 'martlet-admin': cloudOf(authUrl, admin) };
  await publishFile(join(dataPath, 'clouds.yaml'), stringify({ clouds }));
  await publishFile(join(dataPath, 'openrc'), openrcOf(authUrl, demo));
  await publishFile(join(dataPath, 'admin-openrc'), openrcOf(authUrl, admin));
}

function cloudOf(authUrl: string, login: Login): object {
  return {
    auth: {
      auth_url: authUrl,
      username: login.username,
      password: login.password,
      project_name: login.projectName,
      user_domain_name: 'Default',
      project_domain_name: 'Default',
    },
    region_name: 'RegionOne',
    identity_api_version: 3,
  };
}

function openrcOf(authUrl: string, login: Login): string {
  const variables = {
    OS_AUTH_URL: authUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: login.username,
    OS_PASSWORD: login.password,
    OS_PROJECT_NAME: login.projectName,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: 'RegionOne',
  };
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join('');
}

/** Puts a user's new password into the files that name the user; files that somebody has removed stay away. */
export async function replacePassword(dataPath: string, username: string, password: string): Promise<void> {
  const cloudsPath = join(dataPath, 'clouds.yaml');
  const text = await readFile(cloudsPath, 'utf8').catch(() => undefined);
  const file = text === undefined ? undefined : (parse(text) as { clouds?: Record<string, CloudEntry> });
  const entries = Object.values(file?.clouds ?? {}).filter((entry) => entry.auth?.username === username);
  for (const { auth } of entries) if (auth) auth.password = password;
  if (entries.length > 0) await publishFile(cloudsPath, stringify(file));
  for (const name of ['openrc', 'admin-openrc']) {
    const path = join(dataPath, name);
    const lines = await readFile(path, 'utf8').catch(() => '');
    if (!lines.includes(`export OS_USERNAME='${username}'\n`)) continue;
    await publishFile(
      path,
      lines.replace(/^export OS_PASSWORD=.*$/m, () => `export OS_PASSWORD='${password}'`),
    );
  }
}

interface CloudEntry {
  auth?: { username?: string; password?: string };
}
