import { describe, expect, it } from 'vitest';
import { createPolicies } from '../../../proxy/backend/policies.ts';
import { policiesOf } from '../../support/swift-fakes/policy-config.ts';

const GOLD = { index: 0, name: 'gold' };
const SILVER = { index: 1, name: 'silver' };

describe('storage policies', () => {
  it('are found by index, and by name or alias without regard to case', () => {
    const policies = createPolicies(policiesOf(GOLD, { ...SILVER, aliases: ['Second', 'cheap'] }));
    expect(policies.byIndex(1)?.name).toBe('silver');
    expect(policies.byName('SILVER')?.index).toBe(1);
    expect(policies.byName('second')?.index).toBe(1);
    expect(policies.byName('CHEAP')?.index).toBe(1);
    expect(policies.byName('bronze')).toBeUndefined();
    expect(policies.byIndex(2)).toBeUndefined();
  });

  it('the default is the one that says so, else the first', () => {
    expect(createPolicies(policiesOf(GOLD, { ...SILVER, default: true })).default.name).toBe('silver');
    expect(createPolicies(policiesOf(SILVER, GOLD)).default.name).toBe('silver');
  });

  it('an erasure coding policy says how bodies are cut', () => {
    const coded = { type: 'erasure_coding' as const, data_fragments: 4, parity_fragments: 2, segment_bytes: 65_536 };
    const policies = createPolicies(policiesOf(GOLD, { ...SILVER, ...coded }));
    expect(policies.byIndex(1)?.coding).toEqual({ dataPieces: 4, parityPieces: 2, segmentBytes: 65_536 });
    expect(policies.byIndex(0)?.coding).toBeUndefined();
  });

  it.each([
    ['an index twice', [GOLD, { ...SILVER, index: 0 }], /two policies have the index 0/],
    ['a name twice', [GOLD, { ...SILVER, name: 'GOLD' }], /two policies are called 'GOLD'/],
    ['an alias that is a name', [GOLD, { ...SILVER, aliases: ['Gold'] }], /two policies are called 'Gold'/],
    ['its own name as alias', [{ ...GOLD, aliases: ['gold'] }], /two policies are called 'gold'/],
    ['no policy 0', [SILVER], /no policy with index 0/],
    ['the reserved name', [GOLD, { ...SILVER, name: 'policy-0' }], /is that of the policy with index 0/],
    [
      'two defaults',
      [
        { ...GOLD, default: true },
        { ...SILVER, default: true },
      ],
      /'gold' and 'silver' both/,
    ],
    ['a deprecated default', [{ ...GOLD, default: true, deprecated: true }, SILVER], /deprecated and cannot/],
    ['nothing that is not deprecated', [{ ...GOLD, deprecated: true }], /deprecated and cannot/],
    [
      'erasure coding without fragments',
      [GOLD, { ...SILVER, type: 'erasure_coding' as const }],
      /'silver' needs data_fragments/,
    ],
    [
      'fragments without erasure coding',
      [{ ...GOLD, data_fragments: 2 }],
      /'gold' has fragments, but is no erasure coding/,
    ],
  ])('%s is a mistake of the configuration', (_, policies, message) => {
    expect(() => createPolicies(policiesOf(...policies))).toThrow(message);
    expect(() => createPolicies(policiesOf(...policies))).toThrow(/^configuration: proxy\.policies: /);
  });
});
