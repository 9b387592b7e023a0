import type { AuthContext } from '../context.ts';
import type { ProjectRecord, UserRecord } from '../store/records.ts';
import { isoMicroseconds } from '../times.ts';
import { encodeFernet } from '../tokens/fernet.ts';
import { decodeReceipt, encodeReceipt, type ReceiptPayload } from '../tokens/receipt.ts';
import { requiredMethods } from './factor-rules.ts';

/** Somebody who has proved a part of what the user's rules ask for. */
export interface PartlyAuthenticated {
  user: UserRecord;
  userDomain: ProjectRecord;
  receipt: ReceiptPayload;
}

/** The text of a receipt. Spec: Identity API v3, "Multi-Step Authentication"; header `Openstack-Auth-Receipt`. */
export function encodeReceiptText({ fernetKeys }: AuthContext, { receipt }: PartlyAuthenticated): string {
  return encodeFernet(encodeReceipt(receipt), fernetKeys.keys.primary, { issuedAtS: receipt.issuedAtMs / 1000 });
}

/** A receipt that has not ended, or undefined. Whether its user is still who it was is for `receiptHolds` to say. */
export async function readReceipt(
  { fernetKeys, clock }: AuthContext,
  text: string,
): Promise<ReceiptPayload | undefined> {
  const bytes = await fernetKeys.decrypt(text);
  const receipt = bytes && decodeReceipt(bytes);
  return receipt && clock.nowMs() < receipt.expiresAtMs ? receipt : undefined;
}

/** Whether a receipt is of this user, and neither it nor its domain was disabled, nor its password changed, since. */
export function receiptHolds(receipt: ReceiptPayload, user: UserRecord, userDomain: ProjectRecord): boolean {
  const notBeforeMs = Math.max(user.tokensNotBeforeMs, userDomain.tokensNotBeforeMs);
  return receipt.userId === user.id && receipt.issuedAtMs > notBeforeMs;
}

/** The body of the 401 that goes with a receipt. */
export function receiptBodyOf({ user, userDomain, receipt }: PartlyAuthenticated) {
  return {
    receipt: {
      methods: [...receipt.methods],
      user: { id: user.id, name: user.name, domain: { id: userDomain.id, name: userDomain.name } },
      issued_at: isoMicroseconds(receipt.issuedAtMs),
      expires_at: isoMicroseconds(receipt.expiresAtMs),
    },
    required_auth_methods: requiredMethods(user, receipt.methods),
  };
}
