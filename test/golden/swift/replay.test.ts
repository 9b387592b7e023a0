import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { identity } from '../../support/swift-fakes/fake-swift.ts';
import { SwiftInProcess } from '../../support/swift-in-process.ts';
import { DIFFERENCES, type Difference } from './differences.ts';
import { type Answer, exchange, type Step } from './exchange.mjs';

interface Recorded {
  step: Step;
  answer: Answer;
}

/** What the Swift that was asked about `operator` was configured with. */
const OPERATOR: Partial<ProxyConfig> = {
  info: {
    expose_info: true,
    disallowed_sections: [],
    admin_key: 'info-key',
    allowed_digests: ['sha1', 'sha256', 'sha512'],
  },
  list_endpoints: 'everybody',
  etag_quoter: { enabled: true, enable_by_default: false },
};

describe('what Swift 2.30 answers, we answer', () => {
  let swift: SwiftInProcess;
  beforeAll(async () => {
    swift = await SwiftInProcess.start({ config: OPERATOR });
    swift.identities.set('tester', identity('test', 'tester', ['member']));
  });
  afterAll(() => swift.stop());

  const used = new Set<Difference>();
  for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'))) {
    const scenario = file.replace(/\.json$/, '');
    it(`to every request of ${scenario}`, async () => {
      const recorded = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')) as Recorded[];
      const captured = new Map<string, string>();
      const target = { storageUrl: `${swift.url}/v1/AUTH_test`, token: 'tester' };
      const unequal: string[] = [];
      for (const { step, answer } of recorded) {
        const ours = await exchange(target, step, captured);
        const known = DIFFERENCES.filter((one) => one.step.test(`${scenario}: ${nameOf(step)}`));
        for (const field of unequalFields(ours, answer)) {
          const difference = known.find(({ fields }) => fields.includes(field.name));
          if (difference) used.add(difference);
          else if (field.name === 'content-length' && field.theirs === undefined) continue;
          else unequal.push(`${nameOf(step)}: ${field.name}: ${field.ours} and not ${field.theirs}`);
        }
      }
      expect(unequal).toEqual([]);
    });
  }

  it('no difference is listed that there is not', () => {
    expect(DIFFERENCES.filter((difference) => !used.has(difference))).toEqual([]);
  });
});

function nameOf({ method, path, headers, anonymous }: Step): string {
  const sent = Object.entries(headers ?? {}).map(([name, value]) => ` ${name}: ${value}`.slice(0, 80));
  return `${method} ${path}${sent.slice(0, 3).join('')}${anonymous ? ' anonymous' : ''}`;
}

function unequalFields(ours: Answer, theirs: Answer): { name: string; ours: unknown; theirs: unknown }[] {
  const all = [
    { name: 'status', ours: ours.status, theirs: theirs.status },
    { name: 'body', ours: ours.body, theirs: theirs.body },
    ...[...new Set([...Object.keys(ours.headers), ...Object.keys(theirs.headers)])].map((name) => ({
      name,
      ours: ours.headers[name],
      theirs: theirs.headers[name],
    })),
  ];
  return all.filter((field) => field.ours !== field.theirs);
}
