import { createHash } from 'node:crypto';
import type { RootSecrets } from '../../../proxy/encryption/root-secrets.ts';

/** Secrets that are made from their seeds (the ids, unless told); the first is active. */
export function rootSecrets(ids: readonly string[], seeds: readonly string[] = ids): RootSecrets {
  const secretOf = (seed: string) => createHash('sha256').update(seed).digest('base64');
  return {
    active: ids[0] ?? '',
    secrets: Object.fromEntries(ids.map((id, index) => [id, secretOf(seeds[index] ?? id)])),
  };
}
