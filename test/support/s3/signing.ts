import { createHmac } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import type { Identity, Signer, SignerDirectory } from '../../../auth/guard/contract.ts';
import { FakeSwift, type FakeSwiftOptions, identity } from '../swift-fakes/fake-swift.ts';

export const ACCESS = 'AK';
export const SECRET = 'the-secret-key';
export const REGION = 'us-east-1';

/** Access keys of a test. */
export class FakeSigners implements SignerDirectory {
  readonly keys = new Map<string, { secret: string; identity: Identity }>([
    [
      ACCESS,
      { secret: SECRET, identity: { ...identity('p1', 'u1', ['member']), expiresAtMs: Number.POSITIVE_INFINITY } },
    ],
    ['READER', { secret: SECRET, identity: identity('p1', 'u2', ['reader']) }],
    ['OTHER', { secret: SECRET, identity: identity('p2', 'u3', ['member']) }],
  ]);

  async find(access: string, scope: string | undefined): Promise<Signer | undefined> {
    const found = this.keys.get(access);
    if (!found) return undefined;
    const key = scope === undefined ? Buffer.from(found.secret) : signingKey(found.secret, scope);
    return { identity: found.identity, key };
  }
}

export function signingKey(secret: string, scope: string): Buffer {
  return scope
    .split('/')
    .reduce<Buffer>((key, part) => createHmac('sha256', key).update(part).digest(), Buffer.from(`AWS4${secret}`));
}

/** A proxy over stores in memory that knows the access keys, and a client of it. */
export async function startS3(options: FakeSwiftOptions = {}): Promise<{ swift: FakeSwift; client: S3Client }> {
  const { deps, ...others } = options;
  const swift = await FakeSwift.start({ ...others, deps: { signers: new FakeSigners(), ...deps } });
  // Clients sign for their own time.
  swift.nowMs = Date.now();
  return { swift, client: s3Client(swift) };
}

export function s3Client(swift: FakeSwift, accessKeyId = ACCESS, secretAccessKey = SECRET): S3Client {
  return new S3Client({
    endpoint: swift.url,
    region: REGION,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  });
}
