import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../common/errors.ts';
import { microversionHeaders, negotiateMicroversion } from '../../../openstack/microversions.ts';

const range = {
  serviceType: 'compute',
  lowest: { major: 2, minor: 1 },
  highest: { major: 2, minor: 90 },
  legacyHeader: 'x-openstack-nova-api-version',
};

function statusOf(headers: Record<string, string>): number {
  try {
    negotiateMicroversion(headers, range);
    return 200;
  } catch (error) {
    return error instanceof ApiError ? error.status : 0;
  }
}

describe('microversions', () => {
  it('are the lowest where none is asked for', () => {
    expect(negotiateMicroversion({}, range)).toEqual(range.lowest);
    expect(negotiateMicroversion({ 'openstack-api-version': 'volume 3.70' }, range)).toEqual(range.lowest);
  });

  it('are read from either header, among several services', () => {
    expect(negotiateMicroversion({ 'openstack-api-version': 'volume 3.1, compute 2.60' }, range).minor).toBe(60);
    expect(negotiateMicroversion({ 'x-openstack-nova-api-version': '2.9' }, range).minor).toBe(9);
    expect(negotiateMicroversion({ 'openstack-api-version': 'compute latest' }, range)).toEqual(range.highest);
  });

  it('are refused with 406 out of range and 400 when malformed', () => {
    for (const version of ['2.0', '2.91', '3.1'])
      expect([version, statusOf({ 'openstack-api-version': `compute ${version}` })]).toEqual([version, 406]);
    for (const version of ['2', 'x', '2.', '2.1.1', '-2.1'])
      expect([version, statusOf({ 'openstack-api-version': `compute ${version}` })]).toEqual([version, 400]);
  });

  it('are named in the answer under both headers', () => {
    expect(microversionHeaders({ major: 2, minor: 60 }, range)).toEqual({
      'openstack-api-version': 'compute 2.60',
      'x-openstack-nova-api-version': '2.60',
      vary: 'OpenStack-API-Version, x-openstack-nova-api-version',
    });
  });
});
