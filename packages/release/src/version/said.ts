/** As the store names versions: the beginning of the digest. */
const OURS = /^[0-9a-f]{12}$/;

/**
 * The version that a health answer names, where it is one of ours (APP_VERSION). What a product calls itself otherwise, the number in its package.json
 * or a commit, tells no two releases apart and contradicts none: undefined, as of one that says nothing.
 */
export function releasedVersion(said: string | undefined): string | undefined {
  return said !== undefined && OURS.test(said) ? said : undefined;
}
