import type { AuthContext } from '../context.ts';
import { passwordExpired, refused, tokenNotFound } from '../errors.ts';
import { verifyApplicationSecret } from '../passwords/application-secret.ts';
import type { ApplicationCredentialRecord, UserRecord } from '../store/records.ts';
import { nameKey } from '../store/tables.ts';
import type { AuthMethod } from '../tokens/packing.ts';
import type { ReceiptPayload } from '../tokens/receipt.ts';
import { authenticateByTotp } from './authenticate-totp.ts';
import { resolveDelegation } from './delegation.ts';
import { factorsSuffice } from './factor-rules.ts';
import type { Authenticated } from './issue-token.ts';
import { countAttempt, forgetFailures } from './login-failures.ts';
import { type PartlyAuthenticated, readReceipt, receiptHolds } from './receipts.ts';
import { type DomainReference, findDomain } from './resolve-scope.ts';
import { resolveToken } from './resolve-token.ts';
import { isUserEnabled, noteActivity } from './user-activity.ts';

export type UserReference = { id: string } | { name: string; domain: DomainReference };

/** What a login presents: at least one proof beside a receipt. */
export interface Proofs {
  password?: { user: UserReference; password: string };
  token?: { id: string };
  /** With another proof only: six digits prove little by themselves. */
  totp?: { user: UserReference; passcode: string };
  applicationCredential?: { credential: { id: string } | { name: string; user: UserReference }; secret: string };
  /** What says that the same user has proved something else a moment ago. */
  receipt?: string;
}

/**
 * Checks every proof that is presented; all must hold and name one user.
 *
 * @returns what the user has to go on with where its rules ask for more; undefined for any refusal. Why is not told: not whether the user exists, is disabled, or the password was wrong.
 * @throws ApiError 401 in words for a right password that has expired; 403 for a token that was delegated: it makes no other; 404 for
 * a token that does not hold; 503 when too many passwords are being checked.
 */
export async function authenticate(
  context: AuthContext,
  proofs: Proofs,
): Promise<Authenticated | PartlyAuthenticated | undefined> {
  const sinceMs = Math.floor(context.clock.nowMs());
  if (proofs.applicationCredential) return authenticateByApplicationCredential(context, proofs, sinceMs);
  const receipt = proofs.receipt === undefined ? undefined : await readReceipt(context, proofs.receipt);
  if (proofs.receipt !== undefined && !receipt) return undefined;
  /** Proved by itself, now or with the receipt; a token's are not: what comes of a token ends with it. */
  const proved: AuthMethod[] = [...(receipt?.methods ?? [])];
  const methods: AuthMethod[] = [];
  let user: UserRecord | undefined;
  let parent: Authenticated['parent'];
  if (proofs.password) {
    user = await authenticateByPassword(context, proofs.password.user, proofs.password.password);
    if (!user) return undefined;
    proved.push('password');
  }
  if (proofs.token) {
    const state = await resolveToken(context, proofs.token.id);
    if (!state) throw tokenNotFound();
    if (user && user.id !== state.user.id) return undefined;
    if (state.payload.delegation) throw refused('A delegated token cannot be exchanged for another token.');
    user = state.user;
    parent = state.payload;
    methods.push(...state.payload.methods, 'token');
  }
  if (proofs.totp) {
    const named = await findUser(context, proofs.totp.user);
    // Asked for after the others, so that a code is not spent on a wrong password.
    const othersId = user?.id ?? receipt?.userId;
    if (!named || named.id !== othersId || !(await authenticateByTotp(context, named, proofs.totp.passcode)))
      return undefined;
    user = named;
    proved.push('totp');
  }
  const userDomain = user && (await findDomain(context, { id: user.domainId }));
  if (!user || !userDomain?.enabled || !isUserEnabled(context, user)) return undefined;
  if (receipt && !receiptHolds(receipt, user, userDomain)) return undefined;
  if (proofs.password) assertPasswordLasts(context, user);
  const allMethods = [...new Set([...proved, ...methods])];
  if (!factorsSuffice(user, allMethods)) {
    if (proved.length === 0) return undefined;
    return { user, userDomain, receipt: receiptOf(context, { user, proved, sinceMs, receipt }) };
  }
  if (proved.length > 0) {
    await forgetFailures(context, user);
    await noteActivity(context, user);
  }
  return { user, userDomain, methods: allMethods, sinceMs, ...(parent ? { parent } : {}) };
}

interface ReceiptParts {
  user: UserRecord;
  proved: readonly AuthMethod[];
  sinceMs: number;
  receipt: ReceiptPayload | undefined;
}

/** A receipt that follows on another holds and ends as that does: the oldest of its proofs counts. */
function receiptOf({ config }: AuthContext, { user, proved, sinceMs, receipt }: ReceiptParts): ReceiptPayload {
  return {
    methods: [...new Set(proved)],
    userId: user.id,
    issuedAtMs: receipt?.issuedAtMs ?? sinceMs,
    expiresAtMs: receipt?.expiresAtMs ?? sinceMs + config.receipt_ttl_s * 1000,
  };
}

/**
 * The owner of an application credential, whoever else the request names. It is a proof by itself: with others it is refused.
 * What it is for, and whether all it depends on is enabled, is decided where the token is made.
 */
async function authenticateByApplicationCredential(
  context: AuthContext,
  { applicationCredential, password, token, receipt }: Proofs,
  sinceMs: number,
): Promise<Authenticated | undefined> {
  if (!applicationCredential || password || token || receipt !== undefined) return undefined;
  const { credential, secret } = applicationCredential;
  const record = await findApplicationCredential(context, credential);
  if (!(await verifyApplicationSecret(secret, record?.secretHash, context.passwords)) || !record) return undefined;
  const delegation = await resolveDelegation(context, { kind: 'application_credential', id: record.id });
  const user = (await context.tables.users.get(record.userId))?.record;
  const userDomain = user && (await findDomain(context, { id: user.domainId }));
  if (!delegation || !user || !userDomain || !isUserEnabled(context, user)) return undefined;
  if (!factorsSuffice(user, ['application_credential'])) return undefined;
  await noteActivity(context, user);
  return { user, userDomain, methods: ['application_credential'], sinceMs, delegation };
}

async function findApplicationCredential(
  context: AuthContext,
  reference: { id: string } | { name: string; user: UserReference },
): Promise<ApplicationCredentialRecord | undefined> {
  const { applicationCredentials } = context.tables;
  if ('id' in reference) return (await applicationCredentials.get(reference.id))?.record;
  const user = await findUser(context, reference.user);
  return user && (await applicationCredentials.findBy('name', `${user.id}/${reference.name}`))?.record;
}

/** The enabled user whose password this is. The same work is done whether or not there is such a user. */
export async function authenticateByPassword(
  context: AuthContext,
  reference: UserReference,
  password: string,
): Promise<UserRecord | undefined> {
  const user = await findUser(context, reference);
  const verdict = await context.passwords.verify(password, user?.passwordHash);
  if (!user || !(await countAttempt(context, user, verdict.matches)) || !isUserEnabled(context, user)) return undefined;
  const { rehash } = verdict;
  if (rehash !== undefined) {
    // Only if the password is still the one that was checked.
    await context.tables.users.update(user.id, (current) =>
      current.passwordHash === user.passwordHash ? { ...current, passwordHash: rehash } : undefined,
    );
  }
  return user;
}

function assertPasswordLasts({ passwordRules, clock, publicUrl }: AuthContext, user: UserRecord): void {
  const endMs = passwordRules.expiresAtMs(user);
  if (endMs !== null && endMs <= clock.nowMs()) throw passwordExpired(user.id, `Keystone uri="${publicUrl}/v3"`);
}

async function findUser(context: AuthContext, reference: UserReference): Promise<UserRecord | undefined> {
  if ('id' in reference) return (await context.tables.users.get(reference.id))?.record;
  const domain = await findDomain(context, reference.domain);
  return domain && (await context.tables.users.findBy('name', nameKey(domain.id, reference.name)))?.record;
}
