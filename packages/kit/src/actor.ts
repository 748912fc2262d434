import { hostname, userInfo } from 'node:os';
import { visible } from './output/visible.ts';

/** Nobody's name is longer. */
const LONGEST = 200;

/** Who runs this: `DRYDOCK_ACTOR`, the CI's own name for the person, or the login. It is kept, and shown to others, so it is one line. */
export function currentActor(shell: NodeJS.ProcessEnv): string {
  return visible(shell.DRYDOCK_ACTOR || shell.GITHUB_ACTOR || shell.GITLAB_USER_LOGIN || login()).slice(0, LONGEST);
}

export function currentHost(): string {
  return visible(hostname());
}

function login(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's uid may have no name.
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
