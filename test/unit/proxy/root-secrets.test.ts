import { describe, expect, it } from 'vitest';
import { parseRootSecrets } from '../../../proxy/encryption/root-secrets.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64');
const SHAPE = /not of the form/;

describe('a file of root secrets', () => {
  it('names the active secret and all others', () => {
    const secrets = { one: SECRET, 'two-2': SECRET };
    expect(parseRootSecrets(JSON.stringify({ active: 'two-2', secrets }), 'f')).toEqual({ active: 'two-2', secrets });
  });

  it.each([
    ['', SHAPE],
    ['[]', SHAPE],
    ['{"active":1,"secrets":{}}', SHAPE],
    ['{"active":"a"}', SHAPE],
    ['{"active":"a","secrets":{}}', /no secret with the active id 'a'/],
    [`{"active":"b","secrets":{"a":"${SECRET}"}}`, /no secret with the active id 'b'/],
    [`{"active":"a b","secrets":{"a b":"${SECRET}"}}`, /'a b' is no id/],
    ['{"active":"a","secrets":{"a":"c2hvcnQ="}}', /'a' is shorter than 32 bytes/],
    ['{"active":"a","secrets":{"a":"not base64!"}}', /'a' is not base64/],
    ['{"active":"a","secrets":{"a":7}}', /'a' is not base64/],
  ])('%s is refused', (text, reason) => {
    expect(() => parseRootSecrets(text, 'the-file')).toThrow(reason);
    expect(() => parseRootSecrets(text, 'the-file')).toThrow(/^root secrets the-file: /);
  });

  it('no message holds a secret', () => {
    const text = JSON.stringify({ active: 'b', secrets: { a: SECRET } });
    try {
      parseRootSecrets(text, 'f');
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain(SECRET);
    }
  });
});
