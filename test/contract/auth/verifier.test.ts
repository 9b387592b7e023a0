import { createRemoteEpoch, createRemoteVerifier, createServiceSession } from '../../../auth/client.ts';
import { createCachingVerifier } from '../../../auth/guard/caching-verifier.ts';
import { PASSWORDS, type TestCloud } from '../../support/auth/test-cloud.ts';
import { verifierContract } from './verifier-suite.ts';

/** The promise to other nodes: what was revoked is refused a second later. */
const OTHER_NODES_MS = 1_000;

function sessionOf(cloud: TestCloud, authUrl: string) {
  const domains = { userDomainId: 'default', projectDomainId: 'default' };
  const login = { authUrl, username: 'glance', password: PASSWORDS.service, projectName: 'service', ...domains };
  return createServiceSession(login, cloud.clock);
}

verifierContract(
  'in the process of identity',
  async (cloud) => ({ verifier: cloud.service.verifier, close: async () => undefined }),
  { staleMs: 0 },
);

verifierContract(
  'over HTTP',
  async (cloud, authUrl) => {
    const session = sessionOf(cloud, authUrl);
    return { verifier: createRemoteVerifier({ authUrl, session }), close: async () => undefined };
  },
  { staleMs: 0 },
);

verifierContract(
  'over HTTP, remembered, as on other nodes',
  async (cloud, authUrl) => {
    const options = { authUrl, session: sessionOf(cloud, authUrl) };
    const epoch = createRemoteEpoch(options);
    const verifier = createCachingVerifier({ verifier: createRemoteVerifier(options), epoch, clock: cloud.clock });
    return { verifier, close: async () => epoch.stop() };
  },
  { staleMs: OTHER_NODES_MS },
);
