/** What the target logs through: a pino logger, or the way to one in another thread. No secret is ever passed to it. */
export interface IscsiLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
