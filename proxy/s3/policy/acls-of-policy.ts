import { s3Error } from '../errors.ts';
import { malformed } from './read-json.ts';
import type { Statement } from './read-policy.ts';

/** Elements of a container's read and write ACL; '' for none. */
export interface Acls {
  read: string;
  write: string;
}

/** What ACLs of containers reach, by the action's name in lower case: on the bucket itself, or on all objects in it. */
const ACTIONS: Readonly<Record<string, '' | '/*'>> = {
  's3:listbucket': '',
  's3:getbucketlocation': '',
  's3:getobject': '/*',
  's3:putobject': '/*',
  's3:deleteobject': '/*',
};
const READING = ['s3:getobject', 's3:listbucket'];
const WRITING = ['s3:putobject', 's3:deleteobject'];

const EVERYBODY = '*';

/**
 * The ACLs that allow exactly what a policy does.
 *
 * Everybody: `.r:*`, with `.rlistings` where they may list, too. A project or one of its users: the read ACL reads and lists, the write ACL
 * writes and deletes, neither does half of it.
 *
 * @throws ApiError `NotImplemented`, naming the element, for all that container ACLs cannot say; `MalformedPolicy` for an action without
 *   a resource that it is about.
 */
export function aclsOfPolicy(statements: readonly Statement[]): Acls {
  const allowed = new Map<string, Set<string>>();
  for (const statement of statements) {
    const { grantees, actions } = grantOf(statement);
    for (const grantee of grantees) {
      const all = allowed.get(grantee) ?? new Set<string>();
      for (const action of actions) all.add(action);
      allowed.set(grantee, all);
    }
  }
  const read: string[] = [];
  const write: string[] = [];
  const everybody = allowed.get(EVERYBODY) ?? new Set<string>();
  if (everybody.size > 0) read.push(...readForEverybody(everybody));
  for (const [grantee, own] of allowed) {
    if (grantee === EVERYBODY) continue;
    const project = grantee.replace(/:.*$/, ':*');
    const others = new Set([...everybody, ...(project === grantee ? [] : (allowed.get(project) ?? []))]);
    const needed = [...own].filter((action) => !others.has(action));
    const holds = (actions: readonly string[]) => actions.every((action) => own.has(action) || others.has(action));
    if (needed.some((action) => !WRITING.includes(action))) {
      if (!holds(READING)) throw half(grantee, 'read', 's3:GetObject and s3:ListBucket');
      read.push(grantee);
    }
    if (needed.some((action) => WRITING.includes(action))) {
      if (!holds(WRITING)) throw half(grantee, 'write', 's3:PutObject and s3:DeleteObject');
      write.push(grantee);
    }
  }
  return { read: read.join(','), write: write.join(',') };
}

function readForEverybody(actions: ReadonlySet<string>): string[] {
  if (WRITING.some((action) => actions.has(action)))
    throw notCarried('Principal', 'nobody writes without a name: "*" can be allowed to read only');
  if (!actions.has('s3:getobject')) throw notCarried('Action', 'everybody can list only what everybody can read');
  if (actions.has('s3:listbucket')) return ['.r:*', '.rlistings'];
  if (actions.size > 1) throw notCarried('Action', 's3:GetBucketLocation goes with s3:ListBucket');
  return ['.r:*'];
}

function grantOf(statement: Statement): { grantees: string[]; actions: string[] } {
  const { effect, principals, actions, resources, hasCondition } = statement;
  if (effect === 'Deny') throw notCarried('Effect', 'ACLs of containers deny nothing');
  if (!principals) throw notCarried('NotPrincipal');
  if (!actions) throw notCarried('NotAction');
  if (!resources) throw notCarried('NotResource');
  if (hasCondition) throw notCarried('Condition');
  const unfit = resources.find((below) => below !== '' && below !== '/*');
  if (unfit !== undefined) throw notCarried('Resource', `"${unfit}" is not the bucket or all objects in it`);
  const lowered = actions.map((action) => {
    const name = action.toLowerCase();
    const resource = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (resource === undefined) throw notCarried('Action', action);
    if (!resources.includes(resource)) throw malformed(`Action "${action}" applies to no resource of its statement.`);
    return name;
  });
  const grantees = Object.entries(principals).flatMap(([kind, names]) => {
    if (kind !== 'AWS') throw notCarried('Principal', kind);
    return names.map(granteeOf);
  });
  return { grantees, actions: lowered };
}

/** `*`, `project:*` or `project:user`, by id or by name as in Swift's ACLs. */
function granteeOf(principal: string): string {
  if (principal === '*') return EVERYBODY;
  const [, project, user] =
    /^(?:arn:aws:iam::)?([\w@+=-][\w.@+=-]{0,127})(?::root|:user\/([\w@+=-][\w.@+=-]{0,127}))?$/.exec(principal) ?? [];
  const isArn = principal.startsWith('arn:');
  const hasPart = principal.includes(':root') || user !== undefined;
  if (project === undefined || isArn !== hasPart) throw notCarried('Principal', principal);
  return `${project}:${user ?? '*'}`;
}

function half(grantee: string, kind: 'read' | 'write', both: string): Error {
  return notCarried('Action', `a ${kind} ACL allows ${both}, and "${grantee}" is to have only one of them`);
}

function notCarried(element: string, what?: string): Error {
  const text = what === undefined ? '' : ` (${what})`;
  return s3Error('NotImplemented', {
    message: `The policy's ${element}${text} is not implemented: a policy is what ACLs of containers can say.`,
    fields: { Element: element },
  });
}
