import type { AuthContext } from '../context.ts';
import { type Ec2Proof, ec2SignatureHolds, type S3Proof, s3SignatureHolds } from '../ec2/check-signature.ts';
import { type SigningScope, signingKeyV4 } from '../ec2/signature-v4.ts';
import type { Signer } from '../guard/contract.ts';
import { credentialIdOf, ec2PairOf, open } from './credentials.ts';
import { resolveDelegation } from './delegation.ts';
import { type Authenticated, issueToken } from './issue-token.ts';
import { identityOfState } from './token-state.ts';

export type SignatureProof = ({ kind: 'ec2' } & Ec2Proof) | ({ kind: 's3' } & S3Proof);

/**
 * The owner of the EC2 credential that signed a request.
 *
 * @returns undefined for any refusal; whether there is such an access key is not told.
 */
export async function authenticateBySignature(
  context: AuthContext,
  proof: SignatureProof,
): Promise<Authenticated | undefined> {
  const nowMs = context.clock.nowMs();
  const found = await readKey(context, proof.access);
  const secret = found?.secret ?? '';
  const holds = proof.kind === 'ec2' ? ec2SignatureHolds(proof, secret, nowMs) : s3SignatureHolds(proof, secret, nowMs);
  return found && holds ? ownerOf(context, found, nowMs) : undefined;
}

/**
 * What signatures with an access key are made with.
 *
 * @param scope of a signature of version 4; undefined for version 2.
 * @returns undefined where nobody has the key or may use it.
 */
export async function findSigner(
  context: AuthContext,
  access: string,
  scope: SigningScope | undefined,
): Promise<Signer | undefined> {
  const found = await readKey(context, access);
  const owner = found && (await ownerOf(context, found, context.clock.nowMs()));
  const issued = owner && (await issueToken(context, owner, undefined));
  if (!issued) return undefined;
  const key = scope ? signingKeyV4(found.secret, scope) : Buffer.from(found.secret, 'utf8');
  return { identity: identityOfState(issued.state), key: Uint8Array.from(key) };
}

interface AccessKey {
  id: string;
  userId: string;
  secret: string;
}

async function readKey(context: AuthContext, access: string): Promise<AccessKey | undefined> {
  const id = credentialIdOf(access);
  const stored = await context.tables.credentials.get(id);
  const pair = stored?.record.type === 'ec2' ? ec2PairOf(open(context, stored.record).blob) : undefined;
  if (!stored || pair?.access !== access) return undefined;
  return { id, userId: stored.record.userId, secret: pair.secret };
}

async function ownerOf(
  context: AuthContext,
  { id, userId }: AccessKey,
  nowMs: number,
): Promise<Authenticated | undefined> {
  const delegation = await resolveDelegation(context, { kind: 'ec2', id });
  const user = (await context.tables.users.get(userId))?.record;
  const userDomain = user && (await context.tables.projects.get(user.domainId))?.record;
  if (!delegation || !user || !userDomain) return undefined;
  return { user, userDomain, methods: ['ec2credential'], sinceMs: Math.floor(nowMs), delegation };
}
