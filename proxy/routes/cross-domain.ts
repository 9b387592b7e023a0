/**
 * The body of `GET /crossdomain.xml`: what pages of other hosts may do here, for the plug-ins of old browsers.
 *
 * @param policy the rules, as XML: set by the operator.
 * Spec: Swift, "Cross-domain Policy File".
 */
export function crossDomainPolicy(policy: string): string {
  return [
    '<?xml version="1.0"?>',
    '<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >',
    '<cross-domain-policy>',
    policy,
    '</cross-domain-policy>',
  ].join('\n');
}
