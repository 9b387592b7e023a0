/** Headers an error adds to its answer, such as `WWW-Authenticate`. */
export type ErrorHeaders = Readonly<Record<string, string>>;

export interface ApiErrorOptions {
  /** HTTP status, 400..599. */
  status: number;
  /** Stable name of the kind of error, in PascalCase: `VolumeNotFound`. Tests and dialects switch on it, people never see it. */
  code: string;
  /** What was wrong and where, in words for the caller; it must hold no secret and nothing of another tenant. */
  message: string;
  headers?: ErrorHeaders;
  /** What a dialect may want beside the message: the field at fault, a limit, a resource id. */
  details?: Readonly<Record<string, unknown>>;
  cause?: unknown;
}

/** An error that a caller can meet. Rendered once, at the edge, in the dialect of the service that answers. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: ErrorHeaders;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(options: ApiErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = options.code;
    this.status = options.status;
    this.code = options.code;
    this.headers = options.headers ?? {};
    this.details = options.details ?? {};
  }
}

/** A bug of ours: logged with its stack, answered 500, never retried. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** A mistake of who starts or configures the program: one clear line on stderr and an exit code, no stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** One of exit-codes.ts. */
  readonly exitCode: number;

  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

/**
 * Asserts what must hold where state changes hands.
 *
 * @throws InvariantError with `message` when `condition` is false.
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The `code` of a Node system error (`ENOENT`, `EEXIST`, …), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
