import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../common/clock.ts';
import { createApp, type Service } from '../common/http/app.ts';
import { refuseWrongMethods } from '../common/http/wrong-method.ts';
import type { KeyValueStore } from '../common/kv/contract.ts';
import type { Logger } from '../common/log.ts';
import { newRequestId, REQUEST_ID_HEADERS } from '../openstack/request-id.ts';
import { findSigner } from './actions/authenticate-signature.ts';
import { finishRemovals } from './actions/removal.ts';
import { resolveToken } from './actions/resolve-token.ts';
import { dropOldRevocations } from './actions/revoke-token.ts';
import { CredentialKeyRotation } from './actions/rotate-credential-keys.ts';
import { identityOfState } from './actions/token-state.ts';
import { AuditLog } from './audit/audit-log.ts';
import { recordRequests } from './audit/record-requests.ts';
import type { AuthConfig } from './config.ts';
import type { AuthContext, BuiltInService } from './context.ts';
import { parseSigningScope } from './ec2/signature-v4.ts';
import { renderKeystoneError } from './errors.ts';
import { requireToken } from './guard/authenticate.ts';
import { createCachingSigners } from './guard/caching-signers.ts';
import { createCachingVerifier } from './guard/caching-verifier.ts';
import type { SignerDirectory, TokenVerifier } from './guard/contract.ts';
import { createPolicy, type PolicyOverrides } from './guard/policy.ts';
import type { SharedEpoch } from './guard/shared-epoch.ts';
import { KEYS_REREAD_MS, MOST_BODY_BYTES, REVOCATION_SWEEP_MS } from './limits.ts';
import { FailureLimiter } from './passwords/failure-limiter.ts';
import { PasswordHasher } from './passwords/password-hasher.ts';
import { PasswordRules } from './passwords/rules.ts';
import { identityPolicy } from './policy-defaults.ts';
import { registerApplicationCredentialRoutes } from './routes/application-credentials.ts';
import { registerAuthScopeRoutes } from './routes/auth-scopes.ts';
import { registerCatalogRecordRoutes } from './routes/catalog-records.ts';
import { registerConsumerRoutes } from './routes/consumers.ts';
import { registerCredentialRoutes } from './routes/credentials.ts';
import { registerDomainConfigRoutes } from './routes/domain-config.ts';
import { registerDomainRoutes } from './routes/domains.ts';
import { registerEndpointFilterRoutes } from './routes/endpoint-filter.ts';
import { registerGrantRoutes } from './routes/grants.ts';
import { registerGroupRoutes } from './routes/groups.ts';
import { registerImpliedRoleRoutes } from './routes/implied-roles.ts';
import { registerLimitRoutes } from './routes/limits.ts';
import { registerNotBuiltRoutes } from './routes/not-built.ts';
import { registerProjectTagRoutes } from './routes/project-tags.ts';
import { registerProjectRoutes } from './routes/projects.ts';
import { registerRevocationRoutes } from './routes/revocations.ts';
import { registerRoleAssignmentRoutes } from './routes/role-assignments.ts';
import { registerRoleRoutes } from './routes/roles.ts';
import { registerSignatureTokenRoutes } from './routes/signature-tokens.ts';
import { registerStoredPolicyRoutes } from './routes/stored-policies.ts';
import { registerTokenRoutes } from './routes/tokens.ts';
import { registerTrustRoutes } from './routes/trusts.ts';
import { registerUserRoutes } from './routes/users.ts';
import { registerVersionRoutes } from './routes/versions.ts';
import { createTables } from './store/tables.ts';
import { FernetKeyRepository } from './tokens/fernet-keys.ts';

export interface AuthDeps {
  store: KeyValueStore;
  config: AuthConfig;
  clock: Clock;
  logger: Logger;
  /** Bumped by whatever may make a verified token untrue. */
  epoch: SharedEpoch;
  /** Token keys lie in `<dataFolder>/keys/fernet`. */
  dataFolder: string;
  /** Where clients reach identity: `http://127.0.0.1:5000`, without `/v3`. */
  publicUrl: string;
  /** The services that this installation runs. */
  catalog: readonly BuiltInService[];
  /** The operator's policy rules, by action. */
  policyOverrides?: Record<string, string> | PolicyOverrides;
}

export interface AuthService extends Service {
  /** Verifies tokens in this process; cached, and usable once the service has started. */
  verifier: TokenVerifier;
  /** What access keys sign with; cached as tokens are. */
  signers: SignerDirectory;
}

/** The identity service. `start` makes or reads the token keys and ends what a crash left half removed. */
export function buildAuth(deps: AuthDeps): AuthService {
  const context = contextOf(deps);
  const auditLog = openAuditLog(deps);
  const verifier = createCachingVerifier({ verifier: storeVerifier(context), epoch: deps.epoch, clock: deps.clock });
  const signers = createCachingSigners({ signers: storedSigners(context), epoch: deps.epoch, clock: deps.clock });
  const app = createApp({
    logger: deps.logger,
    renderError: renderKeystoneError,
    newRequestId,
    requestIdHeaders: REQUEST_ID_HEADERS,
    mostBodyBytes: MOST_BODY_BYTES,
  });
  app.addHook('onRequest', async (_request, reply) => {
    // Lists are sent as the JSON text that they are made as.
    reply.header('vary', 'X-Auth-Token').type('application/json; charset=utf-8');
  });
  app.addHook('onSend', async (_request, reply, payload) => {
    if (payload === undefined || payload === null || payload === '') reply.removeHeader('content-type');
  });
  const wwwAuthenticate = `Keystone uri="${context.publicUrl}/v3"`;
  requireToken(app, { verifier, isPublic, wwwAuthenticate, serviceType: 'identity' });
  if (auditLog) recordRequests(app, context, auditLog);
  refuseWrongMethods(app);
  registerRoutes(app, context, wwwAuthenticate);

  const credentialKeyRotation = new CredentialKeyRotation(context);
  const followCredentialKeys = () =>
    credentialKeyRotation.step().catch((error: unknown) => deps.logger.error({ err: error }, 'credential keys'));
  let sweep: NodeJS.Timeout | undefined;
  let rereadKeys: NodeJS.Timeout | undefined;
  return {
    app,
    verifier,
    signers,
    async start() {
      await auditLog?.open();
      await context.fernetKeys.open();
      await context.credentialKeys.open();
      // Not waited for: logins queue up behind it, and the start need not.
      context.passwords.prepare().catch((error: unknown) => deps.logger.error({ err: error }, 'password decoy'));
      await finishRemovals(context);
      await dropOldRevocations(context);
      sweep = setInterval(() => {
        dropOldRevocations(context).catch((error: unknown) => deps.logger.error({ err: error }, 'revocation sweep'));
      }, REVOCATION_SWEEP_MS);
      sweep.unref();
      // A rotation from the command line: the new primary is read by all before it is needed.
      rereadKeys = setInterval(() => {
        context.fernetKeys.reload().catch((error: unknown) => deps.logger.error({ err: error }, 'token keys'));
        void followCredentialKeys();
      }, KEYS_REREAD_MS);
      rereadKeys.unref();
      // Of a rotation while the service was stopped; not waited for.
      void followCredentialKeys();
    },
    async stop() {
      clearInterval(sweep);
      clearInterval(rereadKeys);
      await credentialKeyRotation.ended();
      await auditLog?.close();
    },
  };
}

function openAuditLog({ config, dataFolder, logger }: AuthDeps): AuditLog | undefined {
  if (!config.audit_log) return undefined;
  return new AuditLog(join(dataFolder, 'audit', 'identity.log'), config.audit_log_mib << 20, logger);
}

function contextOf(deps: AuthDeps): AuthContext {
  const { store, config, clock, logger, epoch } = deps;
  return {
    store,
    config,
    clock,
    logger,
    epoch,
    tables: createTables(store),
    policy: createPolicy(identityPolicy, deps.policyOverrides),
    fernetKeys: new FernetKeyRepository(join(deps.dataFolder, 'keys', 'fernet'), clock),
    credentialKeys: new FernetKeyRepository(join(deps.dataFolder, 'keys', 'credential'), clock),
    passwords: new PasswordHasher(config.password_hash_cost),
    passwordRules: new PasswordRules(config),
    failures: new FailureLimiter(config.login_failures_per_minute, clock),
    roles: { epoch: Number.NaN, byId: new Map(), implied: new Map() },
    catalog: { epoch: Number.NaN, services: [], endpoints: [] },
    builtIn: deps.catalog,
    publicUrl: deps.publicUrl.replace(/\/+$/, ''),
  };
}

function storeVerifier(context: AuthContext): TokenVerifier {
  return {
    async verify(token) {
      const state = await resolveToken(context, token);
      return state && identityOfState(state);
    },
  };
}

function storedSigners(context: AuthContext): SignerDirectory {
  return {
    async find(access, scopeText) {
      const scope = scopeText === undefined ? undefined : parseSigningScope(scopeText);
      return scopeText === undefined || scope ? findSigner(context, access, scope) : undefined;
    },
  };
}

function registerRoutes(app: FastifyInstance, context: AuthContext, wwwAuthenticate: string): void {
  registerVersionRoutes(app, context);
  registerTokenRoutes(app, context, wwwAuthenticate);
  registerAuthScopeRoutes(app, context);
  registerDomainRoutes(app, context);
  registerProjectRoutes(app, context);
  registerProjectTagRoutes(app, context);
  registerUserRoutes(app, context, wwwAuthenticate);
  registerGroupRoutes(app, context);
  registerRoleRoutes(app, context);
  registerImpliedRoleRoutes(app, context);
  registerGrantRoutes(app, context);
  registerRoleAssignmentRoutes(app, context);
  registerApplicationCredentialRoutes(app, context);
  registerTrustRoutes(app, context);
  registerCredentialRoutes(app, context);
  registerSignatureTokenRoutes(app, context, wwwAuthenticate);
  registerCatalogRecordRoutes(app, context);
  registerEndpointFilterRoutes(app, context);
  registerLimitRoutes(app, context);
  registerStoredPolicyRoutes(app, context);
  registerConsumerRoutes(app, context);
  registerDomainConfigRoutes(app, context);
  registerRevocationRoutes(app, context);
  registerNotBuiltRoutes(app);
}

/** Discovery, the login itself, and changing a password by knowing the old one. */
function isPublic(path: string, method: string): boolean {
  if (/^(\/|\/v3\/?|\/healthcheck)$/.test(path)) return method === 'GET' || method === 'HEAD';
  return method === 'POST' && /^\/v3\/(auth\/tokens|users\/[^/]+\/password)\/?$/.test(path);
}
