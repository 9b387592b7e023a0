import type { AuthContext } from '../context.ts';
import { type Ec2Proof, ec2SignatureHolds, type S3Proof, s3SignatureHolds } from '../ec2/check-signature.ts';
import { credentialIdOf, ec2PairOf, open } from './credentials.ts';
import { resolveDelegation } from './delegation.ts';
import type { Authenticated } from './issue-token.ts';

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
  const id = credentialIdOf(proof.access);
  const stored = await context.tables.credentials.get(id);
  const pair = stored?.record.type === 'ec2' ? ec2PairOf(open(context, stored.record).blob) : undefined;
  const secret = pair?.secret ?? '';
  const holds = proof.kind === 'ec2' ? ec2SignatureHolds(proof, secret, nowMs) : s3SignatureHolds(proof, secret, nowMs);
  if (!pair || !holds || pair.access !== proof.access) return undefined;
  const delegation = await resolveDelegation(context, { kind: 'ec2', id });
  const user = (await context.tables.users.get(stored?.record.userId ?? ''))?.record;
  const userDomain = user && (await context.tables.projects.get(user.domainId))?.record;
  if (!delegation || !user || !userDomain) return undefined;
  return { user, userDomain, methods: ['ec2credential'], sinceMs: Math.floor(nowMs), delegation };
}
