import { MOST_STATEMENTS } from '../limits.ts';
import { type Json, malformed } from './read-json.ts';

/** A statement as it was written, its elements known to be well-formed. Names as in the policy language; several values or one are a list. */
export interface Statement {
  effect: 'Allow' | 'Deny';
  /** By kind: `AWS`, `CanonicalUser`, `Federated`, `Service`; "*" is `{ AWS: ['*'] }`. Undefined: it says `NotPrincipal`. */
  principals: Readonly<Record<string, readonly string[]>> | undefined;
  /** Undefined: it says `NotAction`. */
  actions: readonly string[] | undefined;
  /** What follows the bucket's own ARN: '' or `/…`. Undefined: it says `NotResource`. */
  resources: readonly string[] | undefined;
  hasCondition: boolean;
}

type Fields = Readonly<Record<string, Json>>;

/**
 * Reads a bucket policy, whether or not anything in it can be carried out.
 *
 * @param bucket that the policy is for, the only one that its resources may name.
 * @throws ApiError `MalformedPolicy`, saying what is wrong.
 * Spec: AWS IAM, "Grammar of the IAM JSON policy language"; Amazon S3, "Policies and permissions".
 */
export function readPolicy(document: Json, bucket: string): Statement[] {
  const policy = fieldsOf(document, 'The policy', ['Version', 'Id', 'Statement']);
  const version = policy['Version'];
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17')
    throw malformed('Version must be "2012-10-17" or "2008-10-17".');
  if (policy['Id'] !== undefined && typeof policy['Id'] !== 'string') throw malformed('Id must be a string.');
  const said = policy['Statement'];
  const statements = Array.isArray(said) ? said : said === undefined ? [] : [said];
  if (statements.length === 0) throw malformed('Statement is missing or empty.');
  if (statements.length > MOST_STATEMENTS) throw malformed(`It has more than ${MOST_STATEMENTS} statements.`);
  const ids = new Set<string>();
  return statements.map((statement) => statementOf(statement, bucket, ids));
}

const STATEMENT_FIELDS = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
];

function statementOf(value: Json, bucket: string, ids: Set<string>): Statement {
  const fields = fieldsOf(value, 'A statement', STATEMENT_FIELDS);
  const { Sid: id, Effect: effect, Condition: condition } = fields;
  if (id !== undefined) {
    if (typeof id !== 'string') throw malformed('Sid must be a string.');
    if (ids.has(id)) throw malformed(`Sid "${id}" is said twice.`);
    ids.add(id);
  }
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed('Effect must be "Allow" or "Deny".');
  if (condition !== undefined) checkCondition(condition);
  const [principals, isPrincipal] = eitherOf(fields, 'Principal');
  const [actions, isAction] = eitherOf(fields, 'Action');
  const [resources, isResource] = eitherOf(fields, 'Resource');
  const named = principalsOf(principals);
  const listed = textsOf(actions, 'Action');
  for (const action of listed)
    if (action !== '*' && !/^s3:[a-z0-9*?]+$/i.test(action)) throw malformed(`Action "${action}" is none of S3.`);
  const below = textsOf(resources, 'Resource').map((resource) => belowBucket(resource, bucket));
  return {
    effect,
    principals: isPrincipal ? named : undefined,
    actions: isAction ? listed : undefined,
    resources: isResource ? below : undefined,
    hasCondition: condition !== undefined && Object.keys(condition as Fields).length > 0,
  };
}

/** The element or its negation: exactly one of them. */
function eitherOf(fields: Fields, name: string): [value: Json, isPlain: boolean] {
  const plain = fields[name];
  const negated = fields[`Not${name}`];
  if (plain !== undefined && negated !== undefined) throw malformed(`A statement has both ${name} and Not${name}.`);
  if (plain !== undefined) return [plain, true];
  if (negated !== undefined) return [negated, false];
  throw malformed(`A statement has no ${name}.`);
}

const PRINCIPAL_KINDS = ['AWS', 'CanonicalUser', 'Federated', 'Service'];

function principalsOf(value: Json): Record<string, string[]> {
  if (value === '*') return { AWS: ['*'] };
  const kinds = Object.entries(fieldsOf(value, 'Principal', PRINCIPAL_KINDS));
  if (kinds.length === 0) throw malformed('Principal is empty.');
  return Object.fromEntries(kinds.map(([kind, names]) => [kind, textsOf(names, 'Principal')]));
}

function belowBucket(resource: string, bucket: string): string {
  const own = `arn:aws:s3:::${bucket}`;
  if (!resource.startsWith(own)) throw malformed(`Resource "${resource}" is not the bucket or in it.`);
  const below = resource.slice(own.length);
  if (below !== '' && !/^[/*?]/.test(below)) throw malformed(`Resource "${resource}" is not the bucket or in it.`);
  return below;
}

/** `{ operator: { key: value or values } }`. */
function checkCondition(value: Json): void {
  for (const [operator, keys] of Object.entries(fieldsOf(value, 'Condition')))
    for (const [key, values] of Object.entries(fieldsOf(keys, `Condition ${operator}`)))
      for (const one of Array.isArray(values) ? values : [values])
        if (typeof one === 'object')
          throw malformed(`Condition ${operator} of "${key}" must be a value or a list of them.`);
}

function fieldsOf(value: Json, what: string, known?: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${what} must be an object.`);
  const unknown = known && Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw malformed(`${what} has an unknown element "${unknown}".`);
  return value;
}

function textsOf(value: Json, what: string): string[] {
  const values = Array.isArray(value) ? value : [value];
  if (values.length === 0) throw malformed(`${what} is empty.`);
  return values.map((text) => {
    if (typeof text !== 'string' || text === '') throw malformed(`${what} must be a string or a list of strings.`);
    return text;
  });
}
