import { ConflictError, commitChanges, type Stored, type Table } from '../../common/kv/table.ts';
import type { AuthContext } from '../context.ts';
import { LIST_PAGE_ENTRIES } from '../limits.ts';
import { decodeFernet, encodeFernet } from '../tokens/fernet.ts';

type RotationContext = Pick<AuthContext, 'store' | 'tables' | 'credentialKeys' | 'clock' | 'logger'>;

/** What one pass over the secrets found. */
export interface ReencryptionReport {
  /** Secrets that are encrypted with the primary key now, and were not. */
  reencrypted: number;
  /** Secrets that no key here opens, or that others changed meanwhile: for these the old keys stay. */
  left: number;
}

/**
 * Follows rotations of the keys that encrypt credentials: what older keys encrypted is encrypted anew with the primary one, and
 * only when a whole pass has found nothing of theirs are the old keys removed. A crash anywhere leaves more keys than are needed.
 */
export class CredentialKeyRotation {
  private readonly context: RotationContext;
  /** The primary key as text at the last step: a write that began before it changed may still be under way then. */
  private lastPrimary: string | undefined;
  private running: Promise<void> | undefined;

  constructor(context: RotationContext) {
    this.context = context;
  }

  /** Does what there is to do now; to be called again and again. Two at once are one. */
  step(): Promise<void> {
    this.running ??= this.doStep().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Waits for a step that is under way. */
  async ended(): Promise<void> {
    await this.running?.catch(() => undefined);
  }

  private async doStep(): Promise<void> {
    const { credentialKeys, logger } = this.context;
    await credentialKeys.reload();
    const { primary, all } = credentialKeys.keys;
    const primaryText = primary.encryption.toString('hex');
    const isSettled = this.lastPrimary === primaryText;
    this.lastPrimary = primaryText;
    if (all.length <= STAGED_AND_PRIMARY) return;
    const { reencrypted, left } = await reencryptSecrets(this.context);
    if (reencrypted > 0) logger.info({ reencrypted }, 'credentials are encrypted with the new key');
    if (left > 0) logger.error({ left }, 'credentials that cannot be encrypted anew: the old keys stay');
    if (isSettled && reencrypted === 0 && left === 0) await credentialKeys.removeOld();
  }
}

const STAGED_AND_PRIMARY = 2;

/** One pass over credentials and consumers: each secret that the primary key does not open is encrypted with it. */
export async function reencryptSecrets(context: RotationContext): Promise<ReencryptionReport> {
  const { credentials, consumers } = context.tables;
  const reports = [
    await pass(context, credentials, 'encryptedBlob'),
    await pass(context, consumers, 'encryptedSecret'),
  ];
  return {
    reencrypted: reports.reduce((sum, report) => sum + report.reencrypted, 0),
    left: reports.reduce((sum, report) => sum + report.left, 0),
  };
}

async function pass<Field extends string, T extends { id: string } & Record<Field, string>>(
  context: RotationContext,
  table: Table<T>,
  field: Field,
): Promise<ReencryptionReport> {
  const report = { reencrypted: 0, left: 0 };
  for await (const stored of table.scan('', { pageEntries: LIST_PAGE_ENTRIES })) {
    const sealed = reseal(context, stored.record[field]);
    if (sealed === 'with the primary key') continue;
    const done =
      sealed !== undefined && (await replaced(context, table, stored, { ...stored.record, [field]: sealed }));
    if (done) report.reencrypted += 1;
    else report.left += 1;
  }
  return report;
}

/** Undefined where no key opens it. */
function reseal({ credentialKeys, clock }: RotationContext, text: string): string | undefined {
  const { primary, all } = credentialKeys.keys;
  if (decodeFernet(text, [primary])) return 'with the primary key';
  const clear = decodeFernet(text, all);
  return clear && encodeFernet(clear, primary, { issuedAtS: clock.nowMs() / 1000 });
}

async function replaced<T extends { id: string }>(
  { store }: RotationContext,
  table: Table<T>,
  stored: Stored<T>,
  next: T,
): Promise<boolean> {
  try {
    await commitChanges(store, table.replace(stored, next));
    return true;
  } catch (error) {
    if (error instanceof ConflictError) return false;
    throw error;
  }
}
