const LINK = 'Keystone’s link leads nowhere; ours to what it is of';
const EXTRA = 'Keystone shows the additional attributes twice after a change, and in `extra` too';
const OWN_ONLY = 'Keystone’s list has what the caller has a role on; ours has what the caller may see';
const UNSAID = 'Keystone shows `unrestricted` as null where nothing was said, and a link that leads nowhere';

/** Steps whose answer differs from Keystone's, and why. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  'no such path': 'who is nobody does not learn which paths there are: 401, not 404 in HTML',
  'change project': EXTRA,
  'change user': EXTRA,
  'disable a user': EXTRA,
  'ask for several proofs': EXTRA,
  'ask for proofs that can be given here': EXTRA,
  'ask for several proofs no more': EXTRA,
  'parents as a list': OWN_ONLY,
  'subtree as a list': OWN_ONLY,
  tags: LINK,
  'replace tags': LINK,
  'create wrong role 2': 'a role of a domain that is not there is refused',
  'EC2 credentials': 'with an `id` beside the access key',
  'create an application credential': UNSAID,
  'show an application credential': UNSAID,
  'application credentials': UNSAID,
  'exchange the token of an application credential': 'the token holds, and may not be exchanged: 403, not 404',
  'access rules': LINK,
  'create a trust': LINK,
  'show a trust': LINK,
  'roles of a trust': LINK,
  'create a wrong trust': 'the body is looked at first: 400, not 403',
  'limits of a project': 'an administrator sees the limits of every project with a token for any',
  'limit model': 'the same model in our own words',
  'method not allowed': 'Keystone’s `Allow` has what its class has on any path, and the body is not its own error body',
};
