import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPolicy } from '../../../auth/guard/policy.ts';
import { explanationLines } from '../../../auth/guard/policy-explanation.ts';
import { PolicyFile, readPolicyFile } from '../../../auth/guard/policy-file.ts';
import { createLogger } from '../../../common/log.ts';
import { identityOf } from '../../support/auth/identity.ts';

const DEFAULTS = { owner: 'user_id:%(user_id)s', 'thing:get': 'rule:owner', 'thing:make': 'role:admin' };
const member = identityOf();
const logger = createLogger('silent');
let folder: string;
let path: string;
let written = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-policy-'));
  path = join(folder, 'policy.yaml');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Two writes in one tick of the file system's clock differ in size. */
async function write(text: string): Promise<void> {
  written += 1;
  await writeFile(path, `${text}\n${'#'.repeat(written)}\n`);
}

describe('a policy file', () => {
  it('replaces rules, as text or as lists, and adds those that it refers to', async () => {
    await write(
      '"thing:get": [["role:nobody"], ["role:member", "project_id:p1"]]\n"thing:make": "rule:ours"\nours: role:member',
    );
    const policy = createPolicy(DEFAULTS, await PolicyFile.open(path, logger));
    expect(policy.allows('thing:get', member)).toBe(true);
    expect(policy.allows('thing:make', member)).toBe(true);
    expect(policy.rules().get('thing:get')).toBe('(role:nobody) or (role:member and project_id:p1)');
  });

  it('leaves the rules of other services to them', async () => {
    await write('"other:thing": "rule:theirs"\ntheirs: role:admin');
    const policy = createPolicy(DEFAULTS, await PolicyFile.open(path, logger));
    expect([...policy.rules().keys()]).toEqual(Object.keys(DEFAULTS));
  });

  it('is in force as soon as it is read again, and a bad one changes nothing', async () => {
    await write('"thing:make": "!"');
    const file = await PolicyFile.open(path, logger);
    const first = createPolicy(DEFAULTS, file);
    const second = createPolicy({ 'thing:make': '!', 'other:get': 'role:admin' }, file);
    expect(await file.reload()).toBe(false);
    await write('"thing:make": "role:member"');
    expect(await file.reload()).toBe(true);
    expect(first.allows('thing:make', member)).toBe(true);
    for (const bad of [
      '"thing:make": "role:"',
      '- a list',
      '"thing:make": 7',
      '"thing:make": "@"\n"other:get": "rule:none"',
    ]) {
      await write(bad);
      expect(await file.reload()).toBe(false);
      expect([first, second].map((policy) => policy.rules().get('thing:make'))).toEqual(['role:member', 'role:member']);
      expect(second.rules().get('other:get')).toBe('role:admin');
    }
    await rm(path);
    expect(await file.reload()).toBe(false);
    await write('');
    expect(await file.reload()).toBe(true);
    expect(first.allows('thing:make', member)).toBe(false);
  });

  it('is watched until it is stopped', async () => {
    await write('');
    const file = await PolicyFile.open(path, logger);
    file.watch();
    file.stop();
  });

  it.each([
    ['"thing:make": "http:example.com"', 'http checks'],
    ['"thing:make": [1]', 'neither a text nor'],
    ['"thing:make": [["role:a", 2]]', 'neither a text nor'],
    ['a: b: c', 'policy file'],
    ['7', 'no mapping'],
  ])('with %s is refused in words', async (text, message) => {
    await write(text);
    await expect(readPolicyFile(path)).rejects.toThrow(message);
  });

  it('that is not there is refused at start', async () => {
    await expect(PolicyFile.open(join(folder, 'none.yaml'), logger)).rejects.toThrow('none.yaml');
  });

  it('allows everything by an empty list', async () => {
    await write('"thing:make": []\n"thing:get": [[]]');
    expect(await readPolicyFile(path)).toEqual({ 'thing:make': '@', 'thing:get': '@' });
  });
});

describe('the explanation of a rule', () => {
  it('shows every part with its verdict', () => {
    const rules = {
      owner: 'user_id:%(user_id)s',
      'thing:get': "rule:owner or (role:member and not role:guest) or None:%(x)s or 'a':%(y)s or ! or @",
    };
    const explanation = createPolicy(rules).explain('thing:get', member, { user_id: 'someone else', x: null });
    expect(explanationLines(explanation)).toEqual([
      '+ rule:thing:get',
      "  + rule:owner or (role:member and not role:guest) or None:%(x)s or 'a':%(y)s or ! or @",
      '    - rule:owner',
      '      - user_id:%(user_id)s',
      '    + role:member and not role:guest',
      '      + role:member',
      '      + not role:guest',
      '        - role:guest',
      '    + None:%(x)s',
      "    - 'a':%(y)s",
      '    - !',
      '    + @',
    ]);
  });
});
