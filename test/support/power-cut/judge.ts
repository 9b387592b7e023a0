import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { execa } from 'execa';
import { Martlet } from '../martlet.ts';
import { signIn } from '../sign-in.ts';
import { bodyOf, CONTAINER, type Marker, type Plan, type Step, stepsOf } from './workload.ts';

/** The services that serve objects, and what the storage needs of the others. */
export const START_ARGS = ['--only', 'auth,proxy,object-server,container-server', '--workers', '2'];
/** Listing updates that were pending are sent again within this. */
const LISTED_WITHIN_MS = 30_000;
const POLL_MS = 200;

/** What an object may be after a power cut: a body with metadata, or nothing. */
interface Version {
  /** Step that made the body; undefined: there is no object. */
  body?: Pick<Step, 'mark' | 'sizeBytes'>;
  /** Value of the metadata item. */
  mark?: string;
}

interface Found {
  md5: string;
  sizeBytes: number;
}

/** Everything that the names may be: the last acknowledged state, or the one of the next step, which may have been under way. */
export function allowedStates(plan: Plan, acknowledged: readonly Marker[]): Map<string, Version[]> {
  const states = new Map<string, Version[]>();
  for (let writer = 0; writer < plan.steps.length; writer += 1) {
    const steps = stepsOf(plan, writer);
    const done = acknowledged.filter((marker) => marker.writer === writer).length;
    for (const step of steps) states.set(step.name, [{}]);
    for (const step of steps.slice(0, done)) states.set(step.name, [after(step, states.get(step.name)?.[0])]);
    const next = steps[done];
    if (next) states.set(next.name, [...(states.get(next.name) ?? []), after(next, states.get(next.name)?.[0])]);
  }
  return states;
}

function after(step: Step, before: Version | undefined): Version {
  if (step.kind === 'delete') return {};
  if (step.kind === 'put') return { body: step, mark: step.mark };
  return before?.body ? { ...before, mark: step.mark } : {};
}

/**
 * Mounts an image (the file system replays its journal), starts Martlet on it and compares.
 *
 * @returns what is wrong, a line each; empty if all is as promised.
 */
export async function judgeImage(
  image: string,
  mountPoint: string,
  expected: ReadonlyMap<string, Version[]>,
  portOffset: number,
): Promise<string[]> {
  await mkdir(mountPoint, { recursive: true });
  await execa('mount', ['-o', 'loop,noatime', image, mountPoint]);
  try {
    const data = join(mountPoint, 'd');
    let martlet: Martlet;
    try {
      martlet = await Martlet.start({ data, portOffset, args: START_ARGS });
    } catch (error) {
      return [`does not start: ${String(error)}`];
    }
    try {
      const problems = await compare(martlet, expected);
      const complaints = martlet.printed.split('\n').filter((line) => /"level":[56]0|quarantin|corrupt/i.test(line));
      return [...problems, ...complaints];
    } finally {
      await martlet.down();
    }
  } finally {
    await execa('umount', [mountPoint]);
  }
}

async function compare(martlet: Martlet, expected: ReadonlyMap<string, Version[]>): Promise<string[]> {
  const { url, token } = await signIn(martlet);
  const account: Account = (path, options) =>
    fetch(`${url}${path}`, { ...options, headers: { 'X-Auth-Token': token } });
  const problems: string[] = [];
  const present = new Map<string, Found>();
  for (const [name, versions] of expected) {
    const response = await account(`/${CONTAINER}/${name}`);
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status === 200) present.set(name, { md5: md5(body), sizeBytes: body.length });
    if (versions.some((version) => isVersion(version, response, body))) continue;
    const wanted = versions.map(({ body: made, mark }) =>
      made ? `${made.mark} (${made.sizeBytes} B) marked ${mark}` : 'none',
    );
    const mark = response.headers.get('x-object-meta-mark');
    problems.push(`${name}: ${response.status}, ${body.length} B marked ${mark}; should be ${wanted.join(' or ')}`);
  }
  problems.push(...(await unlisted(account, expected, present)));
  const put = await account(`/${CONTAINER}/afterwards`, { method: 'PUT', body: 'afterwards' });
  const got = await (await account(`/${CONTAINER}/afterwards`)).text();
  if (put.status !== 201 || got !== 'afterwards') problems.push(`a new object: PUT ${put.status}, GET gives '${got}'`);
  return problems;
}

function isVersion({ body: made, mark }: Version, response: Response, body: Buffer): boolean {
  if (!made) return response.status === 404;
  if (response.status !== 200 || response.headers.get('x-object-meta-mark') !== mark) return false;
  return body.equals(bodyOf(made)) && response.headers.get('etag')?.replaceAll('"', '') === md5(body);
}

/**
 * Waits until the listing shows what can be read and the counters count what is listed; says how they differ where they do not.
 *
 * A write that was under way may have reached one replica of three, and the listing by it: until replicas are compared, such a
 * name may be read as it was before and listed as it would be after, or the other way round.
 */
async function unlisted(
  account: Account,
  expected: ReadonlyMap<string, Version[]>,
  present: ReadonlyMap<string, Found>,
): Promise<string[]> {
  let problems: string[] = [];
  for (const end = Date.now() + LISTED_WITHIN_MS; Date.now() < end; await pause(POLL_MS)) {
    const listing = await account(`/${CONTAINER}?format=json`);
    const rows = (await listing.json()) as { name: string; hash: string; bytes: number }[];
    const listed = new Map(rows.map(({ name, hash, bytes }) => [name, `${hash} ${bytes}`]));
    const listedCounts = `${rows.length} objects, ${rows.reduce((sum, { bytes }) => sum + bytes, 0)} B`;
    const counts = {
      container: countsOf(listing, 'container'),
      account: countsOf(await account('', { method: 'HEAD' }), 'account'),
    };
    problems = [
      ...[...listed.keys()].filter((name) => !expected.has(name)).map((name) => `listed, but never written: ${name}`),
      ...[...expected].flatMap(([name, versions]) => {
        const found = present.get(name);
        const rowsOfName = versions.length > 1 ? versions.map(rowOf) : [found && `${found.md5} ${found.sizeBytes}`];
        const row = listed.get(name);
        return rowsOfName.includes(row) ? [] : `${name} is listed as ${row}; should be ${rowsOfName.join(' or ')}`;
      }),
      ...Object.entries(counts)
        .filter(([, count]) => count !== listedCounts)
        .map(([whose, count]) => `the ${whose} counts ${count}; it lists ${listedCounts}`),
    ];
    if (problems.length === 0) break;
  }
  return problems;
}

function rowOf({ body }: Version): string | undefined {
  return body && `${md5(bodyOf(body))} ${body.sizeBytes}`;
}

function countsOf({ headers }: Response, whose: 'container' | 'account'): string {
  return `${headers.get(`x-${whose}-object-count`)} objects, ${headers.get(`x-${whose}-bytes-used`)} B`;
}

type Account = (path: string, options?: RequestInit) => Promise<Response>;

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
