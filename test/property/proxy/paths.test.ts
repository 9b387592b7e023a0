import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../common/errors.ts';
import { parseListingQuery } from '../../../proxy/routes/listing-query.ts';
import { encodePath, parseQuery, parseTarget } from '../../../proxy/routes/path.ts';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'));

describe('paths and queries', () => {
  it('a path that was encoded is read as it was meant', () => {
    fc.assert(
      fc.property(
        name.filter((text) => !text.includes('/')),
        name.filter((text) => !text.includes('/')),
        name,
        (account, container, object) => {
          const { path } = parseTarget(`/v1/${[account, container, object].map(encodePath).join('/')}`);
          expect(path).toEqual({ account, container, object });
        },
      ),
    );
  });

  it('listing parameters come back as they were sent', () => {
    fc.assert(
      fc.property(fc.record({ prefix: name, marker: name, end_marker: name, delimiter: name }), (sent) => {
        const query = parseListingQuery(parseQuery(new URLSearchParams(sent).toString()));
        expect(query).toMatchObject({
          prefix: sent.prefix,
          marker: sent.marker,
          endMarker: sent.end_marker,
          delimiter: sent.delimiter,
          limit: 10_000,
          reverse: false,
        });
      }),
    );
  });

  it('whatever stands in a request line is read or refused', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseTarget(`/${text}`);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
      }),
    );
  });
});
