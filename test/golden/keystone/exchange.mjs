// Asks an identity service the steps of steps.mjs and notes what it answers, without what differs from one cloud to the next.
import { steps } from './steps.mjs';

/** Headers that clients act on. */
const HEADERS = ['vary', 'www-authenticate', 'x-subject-token', 'openstack-auth-receipt', 'allow'];
const SAVED_HEADERS = new Set(['x-subject-token', 'openstack-auth-receipt']);

/**
 * @param ask sends a request: ({method, path, headers, body}) => {status, headers, text}; `path` begins with /v3 or is /.
 * @param base where the service says it is, without /v3: it is written `BASE` in answers.
 * @param waitSecond waits a second, for a service that tells no shorter times apart: before steps with `secondLater`.
 * @returns an answer for each step, by the step's name.
 */
export async function exchange(ask, base, waitSecond = async () => {}) {
  /** What earlier answers gave, by name: ids and tokens. */
  const known = {};
  const answers = {};
  for (const { name, as, subject, receipt, method = 'GET', path, body, save = {}, raw, type, secondLater } of steps) {
    if (secondLater) await waitSecond();
    const headers = {
      ...(as && { 'x-auth-token': known[as] ?? as }),
      ...(subject && { 'x-subject-token': known[subject] ?? subject }),
      ...(receipt && { 'openstack-auth-receipt': known[receipt] ?? receipt }),
      ...((body !== undefined || raw !== undefined) && { 'content-type': type ?? 'application/json' }),
    };
    const filled = body === undefined ? raw : JSON.stringify(fill(body, known));
    const answer = await ask({ method, path: fill(path, known), headers, body: filled });
    const parsed = parse(answer.text);
    for (const [variable, where] of Object.entries(save)) {
      const value = SAVED_HEADERS.has(where) ? answer.headers[where] : valueAt(parsed, where);
      if (typeof value !== 'string') throw new Error(`${name}: no ${where} in ${answer.status} ${answer.text}`);
      known[variable] = value;
    }
    const shown = HEADERS.filter((header) => answer.headers[header] !== undefined);
    answers[name] = {
      status: answer.status,
      headers: Object.fromEntries(shown.map((header) => [header, blank(String(answer.headers[header]), known, base)])),
      ...(parsed === undefined ? {} : { body: withoutSentence(blank(parsed, known, base)) }),
    };
  }
  return answers;
}

/** Of a refusal what programs read: the sentence for people is each service's own. */
function withoutSentence(body) {
  if (typeof body?.error?.message !== 'string') return body;
  const { code, title } = body.error;
  return { error: { code, message: '<sentence>', title } };
}

function parse(text) {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return 'no JSON';
  }
}

function valueAt(body, path) {
  return path.split('.').reduce((value, key) => value?.[key], body);
}

/** Puts what is known in the place of `{name}`. */
function fill(value, known) {
  if (typeof value === 'string') return value.replaceAll(/\{(\w+)\}/g, (whole, name) => known[name] ?? whole);
  if (Array.isArray(value)) return value.map((each) => fill(each, known));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [fill(key, known), fill(each, known)]));
}

/** Takes out what differs: addresses, ids, tokens, times, the order of what has none, and what else a cloud has in its catalog. */
function blank(value, known, base) {
  if (Array.isArray(value))
    return value
      .filter((each) => each?.endpoints === undefined || each.type === 'identity')
      .filter((each) => each?.name !== 'manager') // a role that Keystone 22 does not make yet
      .map((each) => blank(each, known, base))
      .sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, each]) => [blank(key, known, base), blank(each, known, base)])
        .sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  if (typeof value !== 'string') return value;
  if (/^[\w-]{22}$/.test(value) && /[A-Z0-9]/.test(value)) return '<audit id>';
  let text = value.replaceAll(base, 'BASE');
  const names = Object.keys(known).sort((left, right) => known[right].length - known[left].length);
  for (const name of names) if (known[name].length > 8) text = text.replaceAll(known[name], `<${name}>`);
  return text
    .replaceAll(/\b[0-9a-f]{32,64}\b/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
    .replaceAll(/gAAAA[\w-]+=*/g, '<token>');
}
