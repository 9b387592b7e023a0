import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProxyConfig } from '../../proxy/config.ts';
import { makeClusterSecrets, saveClusterSecrets } from '../cluster-secrets.ts';
import { type Login, writeCredentialFiles } from '../credential-files.ts';
import type { DataFolder } from '../data-folder.ts';
import { writeJoinFile } from '../join-file.ts';
import { type NodeFile, saveNodeFile } from '../node-file.ts';
import { makeRings } from './make-rings.ts';

/** Devices of a new node: folders on the one disk that there is. */
const DEVICE_COUNT = 4;

export interface Accounts {
  demo: Login;
  admin: Login;
}

export function makeAccounts(): Accounts {
  const password = () => randomBytes(18).toString('base64url');
  return {
    demo: { username: 'demo', password: password(), projectName: 'demo' },
    admin: { username: 'admin', password: password(), projectName: 'admin' },
  };
}

/** Makes what a cloud is before its first service runs: secrets, this node's name in the rings, the rings, the folders of its devices. */
export async function makeNodeFolder(
  folder: DataFolder,
  node: Omit<NodeFile, 'devices'>,
  policies: ProxyConfig['policies'],
): Promise<void> {
  const file: NodeFile = { ...node, devices: Array.from({ length: DEVICE_COUNT }, (_, index) => `d${index + 1}`) };
  await saveClusterSecrets(folder.path, makeClusterSecrets());
  await saveNodeFile(folder.path, file);
  await makeRings(join(folder.path, 'rings'), file, policies);
  for (const name of file.devices) await mkdir(join(folder.path, 'devices', name), { recursive: true, mode: 0o700 });
}

/** Writes what people and other nodes need to reach the new cloud. */
export async function writeWayIn(folder: DataFolder, authUrl: string, accounts: Accounts): Promise<void> {
  await writeCredentialFiles(folder.path, authUrl, accounts.demo, accounts.admin);
  await writeJoinFile(folder.path, authUrl);
}
