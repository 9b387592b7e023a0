import { badRequest } from '../errors.ts';
import { statusOf } from '../state.ts';
import type { ServerRecord } from '../store/records.ts';
import type { QueryValues } from './request.ts';

type Matches = (server: ServerRecord) => boolean;

/** One filter by its query parameter: from the value to the test. What is not named here is no filter. */
const FILTERS: Readonly<Record<string, (value: string) => Matches>> = {
  name: (value) => {
    const matches = namePattern(value);
    return ({ name }) => matches(name);
  },
  status: (value) => (server) => statusOf(server) === value.toUpperCase(),
  vm_state:
    (value) =>
    ({ vmState }) =>
      vmState === value,
  task_state:
    (value) =>
    ({ taskState }) =>
      taskState === value,
  image:
    (value) =>
    ({ image }) =>
      image?.id === lastPart(value),
  flavor:
    (value) =>
    ({ flavor }) =>
      flavor.id === lastPart(value),
  user_id:
    (value) =>
    ({ userId }) =>
      userId === value,
  key_name:
    (value) =>
    ({ keyName }) =>
      keyName === value,
  uuid:
    (value) =>
    ({ id }) =>
      id === value,
  reservation_id:
    (value) =>
    ({ reservationId }) =>
      reservationId === value,
  locked:
    (value) =>
    ({ locked }) =>
      locked === /^(1|true|yes)$/i.test(value),
  // deleted servers are gone, so nobody finds any
  deleted: (value) => () => !/^(1|true|yes)$/i.test(value),
  tags:
    (value) =>
    ({ tags }) =>
      value.split(',').every((tag) => tags.includes(tag)),
  'tags-any':
    (value) =>
    ({ tags }) =>
      value.split(',').some((tag) => tags.includes(tag)),
  'not-tags':
    (value) =>
    ({ tags }) =>
      !value.split(',').every((tag) => tags.includes(tag)),
  'not-tags-any':
    (value) =>
    ({ tags }) =>
      !value.split(',').some((tag) => tags.includes(tag)),
  'changes-since': (value) => {
    const sinceMs = parseTime('changes-since', value);
    return ({ updatedMs }) => updatedMs >= sinceMs;
  },
  'changes-before': (value) => {
    const beforeMs = parseTime('changes-before', value);
    return ({ updatedMs }) => updatedMs <= beforeMs;
  },
};

/**
 * @param projectId the only project whose servers match; undefined = every project's.
 * @throws ApiError 400 for a malformed filter.
 */
export function serverFilterOf(query: QueryValues, projectId: string | undefined): Matches {
  const tests: Matches[] = projectId === undefined ? [] : [(server) => server.projectId === projectId];
  for (const [name, make] of Object.entries(FILTERS)) {
    const values = [query[name] ?? []].flat();
    if (values.length === 0) continue;
    const alternatives = values.map((value) => make(value));
    tests.push((server) => alternatives.some((test) => test(server)));
  }
  return (server) => tests.every((test) => test(server));
}

/**
 * Nova gives a name filter to its database as a regular expression. Of that language this knows what clients send: `^`, `$`, and
 * escaped characters; the rest is text. An expression from outside is never compiled.
 */
function namePattern(value: string): (name: string) => boolean {
  const fromStart = value.startsWith('^');
  const toEnd = value.endsWith('$') && !value.endsWith('\\$');
  const text = value
    .slice(fromStart ? 1 : 0, toEnd ? -1 : undefined)
    .replace(/\\(.)/g, '$1')
    .toLowerCase();
  return (name) => {
    const lower = name.toLowerCase();
    if (fromStart && toEnd) return lower === text;
    if (fromStart) return lower.startsWith(text);
    return toEnd ? lower.endsWith(text) : lower.includes(text);
  };
}

function parseTime(field: string, value: string): number {
  const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value}Z`);
  if (Number.isNaN(ms)) throw badRequest(`Invalid input for query parameters ${field}: ${value.slice(0, 64)}`);
  return ms;
}

function lastPart(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}
