import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TestCloud } from '../../support/auth/test-cloud.ts';
import { DIFFERENCES } from './differences.ts';
import { exchange, type GoldenAnswer } from './exchange.mjs';

const BASE = 'http://id.example:5000';

const theirs: Record<string, GoldenAnswer> = JSON.parse(
  await readFile(join(import.meta.dirname, 'answers.json'), 'utf8'),
);
let ours: Record<string, GoldenAnswer>;

beforeAll(async () => {
  const cloud = await TestCloud.start({ publicUrl: BASE });
  ours = await exchange(async ({ method, path, headers, body }) => {
    const response = await cloud.service.app.inject({
      method: method as 'GET',
      url: path,
      headers,
      ...(body === undefined ? {} : { payload: body }),
    });
    return { status: response.statusCode, headers: response.headers, text: response.body };
  }, BASE).finally(() => cloud.stop());
});

describe('identity answers as Keystone 22 does', () => {
  it.each(Object.keys(theirs).filter((name) => !(name in DIFFERENCES)))('%s', (name) => {
    const [golden, answer] = [theirs[name], ours[name]];
    if (!golden || !answer) throw new Error('not asked');
    expect(answer).toEqual(golden);
  });

  it.each(Object.keys(DIFFERENCES))('or differs still, as listed: %s', (name) => {
    const [golden, answer] = [theirs[name], ours[name]];
    if (!golden || !answer) throw new Error('not asked');
    expect(answer).not.toEqual(golden);
  });
});
