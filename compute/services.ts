import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '../common/errors.ts';
import type { VolumeCaller } from '../volume/client.ts';
import type { Caller, ComputeContext } from './context.ts';
import { MOST_RECOVERY_RETRY_MS, RECOVERY_RETRY_MS } from './limits.ts';

/** How the volume service is called for a user: their token says what they may do, ours that compute asks. */
export async function asUser(context: ComputeContext, caller: Pick<Caller, 'token'>): Promise<VolumeCaller> {
  const { endpoint, token } = await ownLogin(context);
  return { endpoint, token: caller.token, serviceToken: token };
}

/** Our own token, for what is asked for after a restart has lost the user's. */
export async function ownToken(context: ComputeContext): Promise<string> {
  return (await ownLogin(context)).token;
}

/**
 * Calls the volume service as ourselves, as the long way of an attachment does: it outlives the user's token and our own restarts.
 * A token that was refused is renewed once; while no answer comes the call is repeated, until `signal` ends it.
 */
export async function asService<T>(
  context: ComputeContext,
  signal: AbortSignal,
  call: (volumes: VolumeCaller) => Promise<T>,
): Promise<T> {
  return patiently(signal, async () => {
    try {
      return await call(await ownCaller(context));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      context.session.forgetToken();
      return call(await ownCaller(context));
    }
  });
}

/** Repeats what fails because another service gives no answer, waiting longer each time, until `signal` ends it. */
export async function patiently<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let waitMs = RECOVERY_RETRY_MS; ; waitMs = Math.min(waitMs * 2, MOST_RECOVERY_RETRY_MS)) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status < 502) throw error;
      await delay(waitMs, undefined, { ref: false, signal }).catch(() => signal.throwIfAborted());
    }
  }
}

async function ownCaller(context: ComputeContext): Promise<VolumeCaller> {
  const { endpoint, token } = await ownLogin(context);
  return { endpoint, token, serviceToken: token };
}

/** @throws ApiError 503 when identity gives no answer. */
async function ownLogin({ session }: ComputeContext): Promise<{ endpoint: string; token: string }> {
  try {
    const [endpoint, token] = await Promise.all([session.endpoint('block-storage'), session.token()]);
    return { endpoint, token };
  } catch (cause) {
    throw new ApiError({
      status: 503,
      code: 'IdentityUnavailable',
      message: 'The identity service cannot be asked at the moment.',
      cause,
    });
  }
}
