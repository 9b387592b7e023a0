import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvariantError } from '../common/errors.ts';
import { publishFile } from '../common/files/durable-file.ts';

/** Users that services log in as, in project `service`. */
export type ServiceUser = 'swift' | 'glance' | 'cinder' | 'nova';

/** What every node of a cluster shares and nobody else knows. Lies in `keys/cluster.json`, mode 0600. */
export interface ClusterSecrets {
  /** Signs every request between nodes; 32 bytes in hexadecimal. */
  clusterKey: string;
  /** Salts of the path hash: who knows them could choose names that all fall on one partition. */
  hashPathPrefix: string;
  hashPathSuffix: string;
  servicePasswords: Record<ServiceUser, string>;
}

export function makeClusterSecrets(): ClusterSecrets {
  const secret = () => randomBytes(24).toString('base64url');
  return {
    clusterKey: randomBytes(32).toString('hex'),
    hashPathPrefix: secret(),
    hashPathSuffix: secret(),
    servicePasswords: { swift: secret(), glance: secret(), cinder: secret(), nova: secret() },
  };
}

export async function saveClusterSecrets(dataPath: string, secrets: ClusterSecrets): Promise<void> {
  await mkdir(join(dataPath, 'keys'), { recursive: true, mode: 0o700 });
  await publishFile(secretsPath(dataPath), `${JSON.stringify(secrets, null, 2)}\n`);
}

export async function loadClusterSecrets(dataPath: string): Promise<ClusterSecrets> {
  return parseClusterSecrets(JSON.parse(await readFile(secretsPath(dataPath), 'utf8')));
}

/** @throws InvariantError where a part is missing. */
export function parseClusterSecrets(value: unknown): ClusterSecrets {
  const { clusterKey, hashPathPrefix, hashPathSuffix, servicePasswords } = value as Partial<ClusterSecrets>;
  if (!/^[0-9a-f]{64}$/.test(clusterKey ?? '') || !hashPathPrefix || !hashPathSuffix || !servicePasswords) {
    throw new InvariantError('the cluster secrets are incomplete');
  }
  return { clusterKey: clusterKey as string, hashPathPrefix, hashPathSuffix, servicePasswords };
}

function secretsPath(dataPath: string): string {
  return join(dataPath, 'keys', 'cluster.json');
}
