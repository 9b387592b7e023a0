import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ApiError } from '../errors.ts';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Answers 405, with the methods that there are in `Allow`, where a path is known and the method is not; without this it is 404.
 * What hooks refuse before is refused before. Call it before the routes are registered; it adds its own when all of them are.
 *
 * Spec: RFC 9110, section 15.5.6.
 */
export function refuseWrongMethods(app: FastifyInstance): void {
  /** By path, without the names of its parameters: those may differ from method to method. */
  const known = new Map<string, { url: string; methods: Set<string> }>();
  let isComplete = false;
  app.addHook('onRoute', ({ url, method }) => {
    if (isComplete || url === '*') return;
    const shape = url.replaceAll(/:\w+/g, ':');
    const path = known.get(shape) ?? { url, methods: new Set() };
    for (const each of [method].flat()) path.methods.add(each);
    known.set(shape, path);
  });
  // Runs when the application starts: after every route that its maker has registered.
  app.register(async (routes) => {
    isComplete = true;
    for (const { url, methods } of known.values()) {
      const missing = METHODS.filter((method) => !methods.has(method));
      if (missing.length === 0) continue;
      const allow = [...methods].sort().join(', ');
      const refuse = async () => {
        throw wrongMethod(allow);
      };
      // Refused before the body is read; the handler is never reached.
      routes.route({ method: missing, url, onRequest: refuse, handler: refuse });
    }
  });
}

function wrongMethod(allow: string): ApiError {
  return new ApiError({
    status: 405,
    code: 'MethodNotAllowed',
    message: `The method is not allowed for this path; allowed: ${allow}.`,
    headers: { allow },
  });
}
