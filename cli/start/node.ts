import type { ServiceSession } from '../../auth/contract.ts';
import type { SignerDirectory, TokenVerifier } from '../../auth/guard/contract.ts';
import type { PolicyFile } from '../../auth/guard/policy-file.ts';
import type { SharedEpoch } from '../../auth/guard/shared-epoch.ts';
import type { Clock } from '../../common/clock.ts';
import { invariant } from '../../common/errors.ts';
import type { KeyValueStore } from '../../common/kv/contract.ts';
import type { Logger } from '../../common/log.ts';
import type { ClusterSecrets, ServiceUser } from '../cluster-secrets.ts';
import type { MartletConfig } from '../config.ts';
import type { NodeFile } from '../node-file.ts';
import type { PortName } from '../ports.ts';
import type { ServiceName } from '../services.ts';

/** What every part of a starting node needs. */
export interface Node {
  dataPath: string;
  config: MartletConfig;
  services: ReadonlySet<ServiceName>;
  secrets: ClusterSecrets;
  file: NodeFile;
  logger: Logger;
  clock: Clock;
  /** Records of the control services; undefined on a node that runs none. */
  store: KeyValueStore | undefined;
  epoch: SharedEpoch;
  /** The operator's policy rules; undefined where no file is configured. */
  policyFile: PolicyFile | undefined;
  authUrl: string;
  port(name: PortName): number;
  /** Base URL at which clients reach a service. */
  publicUrl(name: PortName): string;
  /** The standing login of a service user. */
  session(user: ServiceUser): ServiceSession;
}

/** A node once identity can be asked. */
export interface TrustingNode extends Node {
  verifier: TokenVerifier;
  signers: SignerDirectory;
}

/** Something that was started: stopped in the reverse of start order. */
export interface Running {
  name: string;
  stop(limitMs: number): Promise<void>;
}

/** The records of a node that runs a control service. */
export function recordsOf(node: Node): KeyValueStore {
  invariant(node.store !== undefined, 'this node keeps no records');
  return node.store;
}
