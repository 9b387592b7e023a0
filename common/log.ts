import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';

export type Logger = FastifyBaseLogger;
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent';

/** Headers that carry secrets; the request serializer of `common/http/app.ts` logs no headers at all, this guards what is logged by hand. */
const SECRETS = ['password', 'secret', 'token', '*.password', '*.secret', '*.token', 'headers["x-auth-token"]'];

/** JSON lines on stderr: stdout belongs to the commands. */
export function createLogger(level: LogLevel): Logger {
  return pino({ level, redact: { paths: SECRETS, censor: '[secret]' } }, pino.destination({ fd: 2, sync: false }));
}
