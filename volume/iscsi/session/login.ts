import {
  COMMAND_WINDOW,
  MAX_LOGIN_PDUS,
  MAX_LOGIN_SEGMENT_BYTES,
  MAX_SESSIONS_PER_TARGET,
  MAX_TEXT_BYTES,
} from '../limits.ts';
import { opcodeOf, type Pdu, REQUEST } from '../wire/pdu.ts';
import { decodeLoginRequest, type LoginRequest } from '../wire/request-pdus.ts';
import { encodeLoginResponse } from '../wire/response-pdus.ts';
import { encodeText, parseText, TextError, type TextPairs } from '../wire/text.ts';
import { ChapAuthentication } from './authentication.ts';
import { Negotiation, NegotiationError, type SessionParameters } from './negotiation.ts';
import { sameName, type Target, type TargetDirectory } from './target.ts';

/** Class and detail of a refused login. Spec: RFC 7143, 11.13.5 */
const LOGIN_STATUS = {
  success: 0x0000,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  outOfResources: 0x0302,
} as const;

const STAGE = { security: 0, operational: 1, fullFeature: 3 } as const;

/** What a login has established. */
export interface LoginOutcome {
  initiatorName: string;
  isid: string;
  connectionId: number;
  /** Undefined for a discovery session. */
  target: Target | undefined;
  /** Targets that a discovery session may be told of: those whose secret it has proven. */
  discoverable: readonly Target[];
  parameters: SessionParameters;
  /** Next CmdSN the initiator sends, and next StatSN of ours. */
  expCmdSn: number;
  statSn: number;
}

/** The answer to one login request, and what it means. */
export interface LoginStep {
  response: Pdu;
  outcome?: LoginOutcome;
  /** Why the login was refused, for the log: it names no secret. */
  refused?: string;
}

/** A login that is refused: the status goes to the initiator, the message to the log. */
class LoginRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Identity {
  initiatorName: string;
  target: Target | undefined;
  discovery: boolean;
}

/**
 * The login phase of one connection, without its socket: requests in, responses out.
 * Spec: RFC 7143, 6.3 and 11.12
 */
export class Login {
  readonly #directory: TargetDirectory;
  readonly #tsih: () => number;
  readonly #negotiation = new Negotiation(() => this.#identity?.discovery === true);
  #first: LoginRequest | undefined;
  #identity: Identity | undefined;
  #authentication: ChapAuthentication | undefined;
  #portalGroupTold = false;
  #partial: Buffer[] = [];
  #pdus = 0;
  #statSn = 0;

  /** @param tsih gives the handle of a new session, 1..65535. */
  constructor(directory: TargetDirectory, tsih: () => number) {
    this.#directory = directory;
    this.#tsih = tsih;
  }

  /** The initiator's name, once it has said it. */
  get initiatorName(): string | undefined {
    return this.#identity?.initiatorName;
  }

  step(pdu: Pdu): LoginStep {
    const request = decodeLoginRequest(pdu);
    try {
      if (opcodeOf(pdu) !== REQUEST.login)
        throw new LoginRefusal(LOGIN_STATUS.invalidDuringLogin, 'a request before the end of login');
      return this.#accept(request);
    } catch (error) {
      const refusal = asRefusal(error);
      const response = { ...this.#header(request), transit: false, nextStage: 0, status: refusal.status };
      return { response: this.#encode(response, request), refused: refusal.message };
    }
  }

  #accept(request: LoginRequest): LoginStep {
    this.#assertSequence(request);
    const pairs = this.#collect(request);
    if (pairs === undefined) return { response: this.#encode(this.#header(request), request) }; // more text to come
    this.#identity ??= this.#identify(pairs, request);
    const others = pairs.filter(([key]) => !IDENTITY_KEYS.includes(key));
    const answers =
      request.currentStage === STAGE.security ? this.#authenticate(others) : this.#negotiate(others, request);
    if (!this.#portalGroupTold && this.#identity.target !== undefined) {
      this.#portalGroupTold = true;
      answers.push(['TargetPortalGroupTag', '1']);
    }
    const text = encodeText(answers);
    if (text.length > MAX_LOGIN_SEGMENT_BYTES)
      throw new LoginRefusal(LOGIN_STATUS.initiatorError, 'the answer does not fit into a PDU');
    return this.#answer(request, text, this.#identity);
  }

  #answer(request: LoginRequest, text: Buffer, identity: Identity): LoginStep {
    const transit = request.transit && this.#authentication?.proven !== undefined;
    const completes = transit && request.nextStage === STAGE.fullFeature;
    const header = {
      ...this.#header(request),
      transit,
      nextStage: transit ? request.nextStage : 0,
      tsih: completes ? this.#tsih() : 0,
      text,
    };
    const response = this.#encode(header, request);
    if (!completes) return { response };
    const outcome = {
      initiatorName: identity.initiatorName,
      isid: request.isid,
      connectionId: request.connectionId,
      target: identity.target,
      discoverable: identity.discovery ? (this.#authentication?.proven ?? []) : [],
      parameters: this.#negotiation.parameters,
      expCmdSn: request.cmdSn,
      statSn: this.#statSn,
    };
    return { response, outcome };
  }

  /** What every request of one login must keep to. */
  #assertSequence(request: LoginRequest): void {
    const { transit, continues, currentStage, nextStage } = request;
    this.#first ??= request;
    this.#pdus += 1;
    if (request.versionMin > 0) throw new LoginRefusal(LOGIN_STATUS.unsupportedVersion, 'unsupported version');
    const sameLogin = request.isid === this.#first.isid && request.connectionId === this.#first.connectionId;
    const stageKnown = currentStage === STAGE.security || currentStage === STAGE.operational;
    const goesOn = nextStage > currentStage && nextStage !== 2;
    if (!sameLogin || !stageKnown || (transit && (continues || !goesOn)) || this.#pdus > MAX_LOGIN_PDUS)
      throw new LoginRefusal(LOGIN_STATUS.initiatorError, 'login requests out of order');
    if (request.tsih !== 0)
      throw new LoginRefusal(LOGIN_STATUS.sessionDoesNotExist, 'no session takes another connection');
    // An initiator may skip the security stage: it then has proven nothing, and the operational stage refuses it.
  }

  /** Text of a request and of those it continues, or undefined until the last of them. Spec: RFC 7143, 6.2 (C bit) */
  #collect({ continues, data }: LoginRequest): TextPairs | undefined {
    this.#partial.push(data);
    const bytes = this.#partial.reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > MAX_TEXT_BYTES) throw new LoginRefusal(LOGIN_STATUS.initiatorError, 'too much login text');
    if (continues) return undefined;
    const text = Buffer.concat(this.#partial);
    this.#partial = [];
    return parseText(text);
  }

  /** Who logs in to what: said in the first request. */
  #identify(pairs: TextPairs, { isid }: LoginRequest): Identity {
    const said = new Map(pairs);
    const initiatorName = said.get('InitiatorName');
    if (initiatorName === undefined || initiatorName === '' || Buffer.byteLength(initiatorName) > 223)
      throw new LoginRefusal(LOGIN_STATUS.missingParameter, 'no initiator name');
    const sessionType = said.get('SessionType') ?? 'Normal';
    if (sessionType === 'Discovery') {
      this.#authentication = new ChapAuthentication(this.#directory.visibleTo(initiatorName));
      return { initiatorName, target: undefined, discovery: true };
    }
    if (sessionType !== 'Normal') throw new LoginRefusal(LOGIN_STATUS.sessionTypeNotSupported, 'unknown session type');
    const iqn = said.get('TargetName');
    if (iqn === undefined) throw new LoginRefusal(LOGIN_STATUS.missingParameter, 'no target name');
    const target = this.#directory.find(iqn);
    if (target === undefined || target.closing) throw new LoginRefusal(LOGIN_STATUS.notFound, 'no such target');
    if (!sameName(target.definition.initiatorName, initiatorName))
      throw new LoginRefusal(LOGIN_STATUS.authorizationFailure, 'the initiator is not on the access list');
    const replaces = [...target.sessions].some(
      (session) => session.isid === isid && sameName(session.initiatorName, initiatorName),
    );
    if (!replaces && target.sessions.size >= MAX_SESSIONS_PER_TARGET)
      throw new LoginRefusal(LOGIN_STATUS.outOfResources, 'too many sessions');
    this.#authentication = new ChapAuthentication([target]);
    return { initiatorName, target, discovery: false };
  }

  #authenticate(pairs: TextPairs): [string, string][] {
    const answers = this.#authentication?.answer(pairs);
    if (answers === undefined) throw new LoginRefusal(LOGIN_STATUS.authenticationFailure, 'authentication failed');
    return answers;
  }

  #negotiate(pairs: TextPairs, { transit }: LoginRequest): [string, string][] {
    if (this.#authentication?.proven === undefined)
      throw new LoginRefusal(LOGIN_STATUS.authenticationFailure, 'CHAP was left out');
    const answers = this.#negotiation.answer(pairs);
    return transit || pairs.length > 0 ? answers.map(([key, value]) => [key, value]) : [];
  }

  #header(request: LoginRequest) {
    const { currentStage, isid, taskTag } = request;
    return {
      transit: false,
      continues: false,
      currentStage,
      nextStage: 0,
      isid,
      tsih: request.tsih,
      taskTag,
      status: LOGIN_STATUS.success as number,
      text: Buffer.alloc(0),
    };
  }

  #encode(response: Parameters<typeof encodeLoginResponse>[0], { cmdSn }: LoginRequest): Pdu {
    const serials = { statSn: this.#statSn, expCmdSn: cmdSn, maxCmdSn: cmdSn + COMMAND_WINDOW - 1 };
    this.#statSn += 1;
    return encodeLoginResponse(response, serials);
  }
}

/** Keys that say who logs in; taken once, whatever stage they come in. */
const IDENTITY_KEYS = ['InitiatorName', 'InitiatorAlias', 'TargetName', 'SessionType'];

function asRefusal(error: unknown): LoginRefusal {
  if (error instanceof LoginRefusal) return error;
  if (error instanceof TextError || error instanceof NegotiationError)
    return new LoginRefusal(LOGIN_STATUS.initiatorError, error.message);
  throw error;
}
