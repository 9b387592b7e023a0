let second = Number.NaN;
let text = '';

/** Now, as the `Date` of an answer: the same text for a whole second. Spec: RFC 9110, 6.6.1. */
export function httpDateNow(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
