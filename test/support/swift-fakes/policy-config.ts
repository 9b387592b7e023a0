import { Value } from '@sinclair/typebox/value';
import { type ProxyConfig, proxyConfig } from '../../../proxy/config.ts';

type Policy = ProxyConfig['policies'][number];

/** Storage policies, with the defaults of what a test does not say. */
export function policiesOf(...policies: (Partial<Policy> & { index: number; name: string })[]): Policy[] {
  const [defaults] = Value.Create(proxyConfig).policies as [Policy];
  return policies.map((policy) => ({ ...defaults, default: false, ...policy }));
}
