import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { StartError } from '../common/errors.ts';
import { EX_CANTCREAT, EX_DATAERR } from '../common/exit-codes.ts';
import { publishFile } from '../common/files/durable-file.ts';
import { type ClusterSecrets, loadClusterSecrets, parseClusterSecrets, saveClusterSecrets } from './cluster-secrets.ts';
import { takeDataFolder } from './data-folder.ts';
import { type NodeFile, saveNodeFile } from './node-file.ts';

interface JoinFile {
  auth_url: string;
  secrets: ClusterSecrets;
}

/** `join.yaml`: all that another node needs to become part of this cloud. Whoever has it is trusted by every node: 0600. */
export async function writeJoinFile(dataPath: string, authUrl: string): Promise<void> {
  const content: JoinFile = { auth_url: authUrl, secrets: await loadClusterSecrets(dataPath) };
  await publishFile(join(dataPath, 'join.yaml'), stringify(content));
}

/**
 * Makes a new data folder part of the cloud that wrote `file`. Rings are not in it: they change, and the operator carries them.
 *
 * @throws StartError where the file is none of ours or the folder is in use already.
 */
export async function joinCloud(file: string, dataPath: string, node: Omit<NodeFile, 'authUrl'>): Promise<void> {
  const { auth_url: authUrl, secrets } = await readJoinFile(file);
  const folder = await takeDataFolder(dataPath);
  try {
    if (folder.complete) throw new StartError(`${dataPath} is a data folder already`, EX_CANTCREAT);
    await folder.markBegun();
    await saveClusterSecrets(dataPath, secrets);
    await saveNodeFile(dataPath, { ...node, authUrl });
    await mkdir(join(dataPath, 'rings'), { mode: 0o700 });
    for (const name of node.devices) await mkdir(join(dataPath, 'devices', name), { recursive: true, mode: 0o700 });
    await folder.markComplete();
  } finally {
    await folder.release();
  }
}

async function readJoinFile(file: string): Promise<JoinFile> {
  try {
    const { auth_url, secrets } = parse(await readFile(file, 'utf8')) as JoinFile;
    new URL(auth_url);
    return { auth_url, secrets: parseClusterSecrets(secrets) };
  } catch (error) {
    throw new StartError(
      `${file} is no join file: ${error instanceof Error ? error.message : error}`,
      EX_DATAERR,
      error,
    );
  }
}
