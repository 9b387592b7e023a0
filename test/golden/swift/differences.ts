/** Where our answers are not Swift's, and why. */
export interface Difference {
  /** Matches `scenario: METHOD path headers`. */
  step: RegExp;
  /** `status`, `body`, or the name of a header. */
  fields: readonly string[];
  reason: string;
}

const COUNTS = ['container-count', 'object-count', 'bytes-used'];

export const DIFFERENCES: readonly Difference[] = [
  {
    step: /: HEAD /,
    fields: ['content-length'],
    reason: 'an error to HEAD tells the length of the page that GET would get (RFC 9110, 8.6), Swift 0',
  },
  {
    step: /^accounts: (COPY|PATCH|OPTIONS)/,
    fields: ['allow'],
    reason: 'the Swift that was asked allows account management',
  },
  {
    step: /^operator: HEAD $/,
    fields: ['x-account-container-count', 'x-account-storage-policy-policy-0-container-count', 'x-account-meta-sch%c3%b6n'],
    reason: 'the Swift that was asked had an account of its own for this scenario',
  },
  {
    step: /^bulk: PUT \?bulk-delete/,
    fields: ['status', 'body', 'allow', 'content-length'],
    reason: 'the Swift that was asked allows account management, to others',
  },
  {
    step: /./,
    fields: ['object-count', 'bytes-used'].flatMap((name) => [`x-account-${name}`, `x-account-storage-policy-policy-0-${name}`]),
    reason: 'an account counts its objects at once, in Swift once a daemon has come by',
  },
  {
    step: /^accounts: HEAD/,
    fields: COUNTS.map((name) => `x-account-storage-policy-policy-0-${name}`),
    reason: 'a policy without containers is not named, in Swift it is once it had one',
  },
  {
    step: /If-Range: (?!.*etag)/,
    fields: ['status', 'body', 'content-length', 'content-range'],
    reason: 'Swift pays no heed to If-Range: a download that is resumed would be of two versions (RFC 9110, 13.1.5)',
  },
  {
    step: /^(large-objects|inline-segments): (GET|HEAD) \/(man|inl)/,
    fields: ['x-manifest-etag'],
    reason: 'the MD5 of the manifest as it is stored, which is our own JSON',
  },
  {
    step: /^(large-objects|inline-segments): GET \/(man|inl)(\?|$)/,
    fields: ['body', 'x-container-bytes-used'],
    reason: 'ETag and length of the manifest as it is stored, which is our own JSON',
  },
  {
    step: /^large-objects: .*multipart-manifest=get/,
    fields: ['body', 'content-length', 'etag'],
    reason: 'the same manifest in JSON with fewer blanks',
  },
  {
    step: /^large-objects: PUT \/man\/bad/,
    fields: ['status', 'body', 'content-length'],
    reason: 'a manifest whose segment has an ETag and no path is refused; Swift fails',
  },
  {
    step: /^large-objects: GET \/man\/dlo Range: bytes=0-0,4-6/,
    fields: ['status', 'body', 'content-type', 'content-length'],
    reason: 'several ranges of a dynamic large object are answered, Swift sends all of it',
  },
  {
    step: /^large-objects: GET \/man\/dlo Range: bytes=100-/,
    fields: ['content-type', 'etag', 'last-modified', 'x-object-manifest', 'x-timestamp'],
    reason: 'a range that is not there describes a dynamic large object as it does any other',
  },
  {
    step: /^listings: GET .*format=xml/,
    fields: ['body', 'content-length'],
    reason: 'control characters, which XML 1.0 cannot carry, become U+FFFD: no parser reads what Swift sends',
  },
  {
    step: /^listings: GET .*Accept: text\/plain;q=0$/,
    fields: ['status', 'body', 'accept-ranges', 'content-length', 'content-type', 'last-modified', 'vary', 'x-container-bytes-used', 'x-container-object-count', 'x-storage-policy', 'x-timestamp'],
    reason: 'q=0 says that a form is not acceptable (RFC 9110, 12.4.2), Swift sends it',
  },
  {
    step: /^bulk: POST .*image\/png/,
    fields: ['content-type'],
    reason: 'a report in text says that it is text',
  },
  {
    step: /^objects: PUT \/obj\/etag ETag: 9DD/,
    fields: ['status', 'body', 'content-length', 'etag'],
    reason: 'an MD5 in capitals is the same MD5',
  },
  {
    step: /^objects: PUT \/obj\/etag/,
    fields: ['last-modified'],
    reason: 'nothing was stored, so nothing has a time',
  },
  {
    step: /^objects: PUT .*: x{50,}/,
    fields: ['body', 'content-length', 'content-type', 'x-openstack-request-id', 'x-trans-id'],
    reason: 'a header beyond 8 KiB is named, with a transaction id, where Swift says nothing',
  },
  {
    step: /^objects: GET .*X-Whatever: x{50,}/,
    fields: ['status', 'body', 'accept-ranges', 'content-length', 'content-type', 'etag', 'last-modified', 'x-object-meta-colour', 'x-object-meta-empty', 'x-openstack-request-id', 'x-timestamp', 'x-trans-id'],
    reason: 'a long header that nobody stores does no harm',
  },
  {
    step: /^objects: (PATCH|PROPFIND) /,
    fields: ['allow'],
    reason: 'COPY is allowed, and named in OPTIONS by Swift too',
  },
  {
    step: /^objects: PUT .*gzip, chunked/,
    fields: ['status', 'body', 'content-length', 'content-type'],
    reason: 'a length beside Transfer-Encoding is refused before anything else looks (RFC 9112, 6.3)',
  },
  {
    step: /^signed: GET \/s\/slo/,
    fields: ['x-manifest-etag'],
    reason: 'the MD5 of the manifest as it is stored, which is our own JSON',
  },
  {
    step: /^signed: POST \/r /,
    fields: ['body', 'content-length', 'content-type'],
    reason: 'the page beside a redirect says that it is HTML, and escapes the address: it comes from a form',
  },
  {
    step: /^web: (GET|HEAD) \/w\/ /,
    fields: ['vary'],
    reason: 'the page of a folder is the same whatever Accept says',
  },
  {
    step: /^web: HEAD \/w\/none /,
    fields: ['status', 'accept-ranges', 'content-type', 'etag', 'last-modified', 'x-timestamp'],
    reason: 'HEAD is answered what GET is, where Swift fails',
  },
  {
    step: /^web: OPTIONS .*Origin/,
    fields: ['content-type'],
    reason: 'an answer without a body has a type all the same',
  },
  {
    step: /^symlinks: PUT \/links\/wrong/,
    fields: ['content-location'],
    reason: 'a location is percent-encoded: an object may be called as a header would end',
  },
  {
    step: /^versions: GET \/versioned\?versions/,
    fields: ['body'],
    reason: "a listing's content types are as they were sent, Swift takes out the blank before a parameter",
  },
  {
    step: /^versions: PUT .* ETag/,
    fields: ['last-modified'],
    reason: 'what was refused was not modified',
  },
  {
    step: /^manifests: (GET|HEAD) \/wholes/,
    fields: ['x-manifest-etag', 'x-container-bytes-used'],
    reason: 'the MD5 and the length of manifests as they are stored, which is our own JSON',
  },
  {
    step: /^manifests: GET .*format=raw/,
    fields: ['body', 'etag', 'content-length'],
    reason: 'the same JSON with its keys in another order, and without blanks',
  },
  {
    step: /^mixed: OPTIONS {2}anonymous/,
    fields: ['allow'],
    reason: 'the Swift that was asked allows account management',
  },
  {
    step: /^mixed: (GET|HEAD|COPY) \/com/,
    fields: ['x-manifest-etag'],
    reason: 'the MD5 of the manifest as it is stored, which is our own JSON',
  },
  {
    step: /^mixed: GET \/com\?/,
    fields: ['body', 'x-container-bytes-used'],
    reason: 'ETag and length of the manifest as it is stored, which is our own JSON',
  },
  {
    step: /^mixed: HEAD \/com\/dlo-of-slo/,
    fields: ['etag'],
    reason: 'the ETag of the manifest as it is stored, which is our own JSON, is in it',
  },
  {
    step: /^mixed: HEAD \/com2\/encoded/,
    fields: ['content-encoding'],
    reason: 'a header without a value is not kept',
  },
  {
    step: /^mixed: PUT \/com\/chunked-wrong/,
    fields: ['last-modified'],
    reason: 'nothing was stored, so nothing has a time',
  },
];
