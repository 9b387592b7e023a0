import type { S3Target } from '../target.ts';

/** A request as signatures look at it. */
export interface SignedRequest {
  method: string;
  target: S3Target;
  /** Values decoded from UTF-8; what came several times is joined by commas, without blanks. */
  headers: Readonly<Record<string, string>>;
}

/** What a request says of who signed it, and the texts that its signature may be of. */
export interface Claim {
  access: string;
  /** `<date>/<region>/<service>/aws4_request` of version 4; undefined for version 2. */
  scope: string | undefined;
  signature: string;
  /** Clients disagree on how a path is encoded: the signature is of one of them. */
  stringsToSign: readonly string[];
  /** What was hashed into the first of them, for the answer to who signed something else. */
  canonical: string | undefined;
  /** `x-amz-content-sha256`; undefined where nothing is said of the body. */
  payload: string | undefined;
  /** Date of a request of version 4, which the signatures of its chunks carry too. */
  amzDate: string;
}
