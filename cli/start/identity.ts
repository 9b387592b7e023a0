import { bootstrapCloud } from '../../auth/bootstrap.ts';
import type { SignerDirectory, TokenVerifier } from '../../auth/guard/contract.ts';
import { buildAuth } from '../../auth/service.ts';
import { catalogOf } from './catalog.ts';
import type { Accounts } from './first-start.ts';
import { listenTo } from './listen.ts';
import { type Node, type Running, recordsOf } from './node.ts';

/** Makes domain, projects, roles, people's and services' users in an empty cloud. */
export async function bootstrapIdentity(node: Node, accounts: Accounts): Promise<void> {
  await bootstrapCloud(
    { store: recordsOf(node), config: node.config.auth },
    {
      adminPassword: accounts.admin.password,
      demoPassword: accounts.demo.password,
      servicePasswords: node.secrets.servicePasswords,
    },
  );
}

export async function startIdentity(
  node: Node,
): Promise<{ verifier: TokenVerifier; signers: SignerDirectory; running: Running }> {
  const service = buildAuth({
    store: recordsOf(node),
    config: node.config.auth,
    clock: node.clock,
    logger: node.logger,
    epoch: node.epoch,
    dataFolder: node.dataPath,
    ...(node.policyFile ? { policyOverrides: node.policyFile } : {}),
    publicUrl: node.publicUrl('auth'),
    catalog: catalogOf(node),
  });
  const running = await listenTo('auth', service, node.config.host, node.port('auth'));
  return { verifier: service.verifier, signers: service.signers, running };
}
