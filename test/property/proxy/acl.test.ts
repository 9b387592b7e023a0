import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../common/errors.ts';
import { cleanAcl, isReferrerAllowed, parseAcl } from '../../../proxy/access/acl.ts';

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const element = fc.oneof(
  fc.tuple(word, word).map(([project, user]) => `${project}:${user}`),
  word,
  fc.constant('.rlistings'),
  fc
    .tuple(fc.constantFrom('.r', '.ref', '.referrer'), fc.constantFrom('', '-'), word)
    .map(([r, not, host]) => `${r}:${not}${host}`),
);

describe('ACLs', () => {
  it('a clean ACL stays as it is when it is cleaned again, and loses nothing', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 8 }), fc.constantFrom(',', ' , ', ',,'), (elements, separator) => {
        const clean = cleanAcl('x-container-read', elements.join(separator));
        expect(cleanAcl('x-container-read', clean)).toBe(clean);
        const { referrers, grants } = parseAcl(clean);
        expect(referrers).toHaveLength(elements.filter((each) => /^\.r(ef|eferrer)?:/.test(each)).length);
        expect(grants).toEqual(new Set(elements.filter((each) => !/^\.r(ef|eferrer)?:/.test(each))));
      }),
    );
  });

  it('whatever is sent is cleaned or refused with 400', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('x-container-read', 'x-container-write'), (text, header) => {
        try {
          cleanAcl(header, text);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
          expect((error as ApiError).status).toBe(400);
        }
      }),
    );
  });

  it('the last referrer rule that matches decides', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.constantFrom('a.example', 'b.example')), { maxLength: 6 }),
        (rules) => {
          const acl = parseAcl(rules.map(([isDenied, host]) => `.r:${isDenied ? '-' : ''}${host}`).join(','));
          const last = rules.findLast(([, host]) => host === 'a.example');
          expect(isReferrerAllowed(acl, 'http://a.example/page')).toBe(last !== undefined && !last[0]);
        },
      ),
    );
  });
});
