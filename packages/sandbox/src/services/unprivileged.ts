import { execFileSync } from 'node:child_process';
import { OpsError } from '@drydock/kit';

/** PostgreSQL refuses to run as root; then it runs as this user. */
export interface Unprivileged {
  uid: number;
  gid: number;
}

export function unprivilegedUser(): Unprivileged | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user on this system; try the next.
    }
  }
  throw new OpsError({
    code: 'NO_UNPRIVILEGED_USER',
    message: 'PostgreSQL does not run as root, and there is neither a user postgres nor nobody.',
    hint: 'Run the sandbox as an ordinary user.',
    exit: 2,
  });
}
