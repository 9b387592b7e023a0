/** What a container with versions keeps in its metadata. */

/** `True` or `False`: suspended, with the versions that there are still to be read. */
export const VERSIONS_ENABLED = 'x-container-sysmeta-versions-enabled';
/** Percent-encoded name of the container that its versions are in; present once they have been enabled. */
export const VERSIONS_CONTAINER = 'x-container-sysmeta-versions-container';
/** On an account in which a container has, or had, versions. */
export const ACCOUNT_HAS_VERSIONS = 'x-account-sysmeta-has-versions';
/** Of the older kind: `container` that the versions go to, percent-encoded as the client sent it. */
export const VERSIONS_LOCATION = 'x-container-sysmeta-versions-location';
/** `stack` or `history`. */
export const VERSIONS_MODE = 'x-container-sysmeta-versions-mode';

/** On an object that is a link to its current version. */
export const VERSIONS_SYMLINK = 'x-object-sysmeta-versions-symlink';
