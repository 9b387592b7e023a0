import { denial } from '../access/access-control.ts';
import { refusal } from '../errors.ts';
import type { Handler, ResourcePath } from '../message.ts';
import { getAccount, headAccount, postAccount } from './account.ts';
import { deleteContainer, getContainer, headContainer, postContainer, putContainer } from './container.ts';
import { deleteObject } from './object-delete.ts';
import { getObject } from './object-get.ts';
import { postObject } from './object-post.ts';
import { putObject } from './object-put.ts';
import type { Route, Services } from './route.ts';

type Verbs = Readonly<Record<string, Route>>;

/** The verbs of each kind of resource. COPY is a feature: it becomes a PUT before it comes here. */
const ACCOUNT_VERBS: Verbs = { GET: getAccount, HEAD: headAccount, POST: postAccount };
const CONTAINER_VERBS: Verbs = {
  GET: getContainer,
  HEAD: headContainer,
  PUT: putContainer,
  POST: postContainer,
  DELETE: deleteContainer,
};
const OBJECT_VERBS: Verbs = {
  GET: getObject,
  HEAD: getObject,
  PUT: putObject,
  POST: postObject,
  DELETE: deleteObject,
};

/** What all features wrap: accounts, containers and plain objects. */
export function createDispatcher(services: Services): Handler {
  return async (request) => {
    const verbs = verbsOf(request.path);
    const route = Object.hasOwn(verbs, request.method) ? verbs[request.method] : undefined;
    if (request.method === 'OPTIONS') return { status: 200, headers: { allow: allowedMethods(request.path) } };
    if (!route) throw refusal(405, { headers: { allow: allowedMethods(request.path) } });
    const grant = await services.access.decide(request);
    if (!grant.allowed && !route.asksAcl) throw denial(request);
    return route.handle(request, services, grant);
  };
}

/** Value of `Allow`. */
function allowedMethods(path: ResourcePath): string {
  const methods = [...Object.keys(verbsOf(path)), 'OPTIONS'];
  if (path.object !== undefined) methods.push('COPY');
  return methods.join(', ');
}

function verbsOf(path: ResourcePath): Verbs {
  if (path.object !== undefined) return OBJECT_VERBS;
  return path.container === undefined ? ACCOUNT_VERBS : CONTAINER_VERBS;
}
