import { join } from 'node:path';
import { stringify } from 'yaml';
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
