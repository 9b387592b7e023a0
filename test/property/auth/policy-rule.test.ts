import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../../auth/guard/policy.ts';
import { PolicyRuleError, parsePolicyRule } from '../../../auth/guard/policy-rule.ts';
import { identityOf } from '../../support/auth/identity.ts';

interface Expression {
  text: string;
  value: boolean;
}

const HELD = ['a', 'b'];
const identity = identityOf({ roleNames: HELD });

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(...['a', 'b', 'c', 'd']).map((role) => ({ text: `role:${role}`, value: HELD.includes(role) })),
    fc.constantFrom({ text: '@', value: true }, { text: '!', value: false }),
    tie('expression').map(({ text, value }) => ({ text: `not (${text})`, value: !value })),
    fc.tuple(tie('expression'), tie('expression')).map(([left, right]) => ({
      text: `(${left.text}) and ( ${right.text} )`,
      value: left.value && right.value,
    })),
    fc.tuple(tie('expression'), tie('expression')).map(([left, right]) => ({
      text: `(${left.text}) or (${right.text})`,
      value: left.value || right.value,
    })),
  ),
}));

describe('the policy language', () => {
  it('means what boolean algebra says', () => {
    fc.assert(
      fc.property(expression, ({ text, value }) => {
        expect(createPolicy({ rule: text }).allows('rule', identity)).toBe(value);
      }),
    );
  });

  it('binds not before and, and before or', () => {
    const atom = fc.constantFrom({ text: 'role:a', value: true }, { text: 'role:c', value: false });
    const factor = fc.tuple(fc.boolean(), atom).map(([negated, { text, value }]) => ({
      text: negated ? `not ${text}` : text,
      value: value !== negated,
    }));
    const term = fc.array(factor, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 4 }), (terms) => {
        const text = terms.map((factors) => factors.map((each) => each.text).join(' and ')).join(' or ');
        const value = terms.some((factors) => factors.every((each) => each.value));
        expect(createPolicy({ rule: text }).allows('rule', identity)).toBe(value);
      }),
    );
  });

  it('parses or refuses any text, and fails in no other way', () => {
    const words = fc.constantFrom(
      '(',
      ')',
      'and',
      'or',
      'not',
      'role:a',
      "'",
      '%(x)s',
      ':',
      '@',
      '!',
      ' ',
      'None:%(x)s',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((parts) => parts.join(' ')),
        ),
        (text) => {
          try {
            parsePolicyRule(text);
          } catch (error) {
            expect(error).toBeInstanceOf(PolicyRuleError);
          }
        },
      ),
    );
  });
});
