import { hostname, userInfo } from 'node:os';

/** Who runs this: `DRYDOCK_ACTOR`, the CI's own name for the person, or the login. */
export function currentActor(shell: NodeJS.ProcessEnv): string {
  return shell.DRYDOCK_ACTOR || shell.GITHUB_ACTOR || shell.GITLAB_USER_LOGIN || login();
}

export function currentHost(): string {
  return hostname();
}

function login(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's uid may have no name.
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
