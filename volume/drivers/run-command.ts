import { execa } from 'execa';
import { ApiError } from '../../common/errors.ts';
import { MOST_COMMAND_OUTPUT_BYTES } from '../limits.ts';

interface CommandOptions {
  /** Added to a nearly empty environment: `PATH` and `LC_ALL=C`. */
  environment?: Readonly<Record<string, string>>;
  timeoutMs: number;
  signal?: AbortSignal;
}

export interface CommandResult {
  /** undefined when the program could not be started or was ended by a signal. */
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
  /** The program is not installed. */
  missing: boolean;
}

/** Runs a program with an argument array, never through a shell. Any exit is a result; only a time-out or an abort throws. */
export type RunCommand = (
  program: string,
  commandArguments: readonly string[],
  options: CommandOptions,
) => Promise<CommandResult>;

const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Programs of this machine. Their tongue is C's: messages and reports are parsed. */
export const runCommand: RunCommand = async (program, commandArguments, options) => {
  const result = await execa(program, commandArguments, {
    env: { PATH: SEARCH_PATH, LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1', ...options.environment },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    timeout: options.timeoutMs,
    maxBuffer: MOST_COMMAND_OUTPUT_BYTES,
    ...(options.signal && { cancelSignal: options.signal }),
  });
  options.signal?.throwIfAborted();
  if (result.timedOut) {
    throw new ApiError({
      status: 500,
      code: 'CommandTimeout',
      message: `${program} did not end within ${options.timeoutMs / 1000} s.`,
    });
  }
  return {
    exitCode: result.exitCode,
    stdout: result.stdout,
    stderr: result.stderr,
    missing: result.failed && 'code' in result && result.code === 'ENOENT',
  };
};
