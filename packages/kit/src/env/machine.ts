/** What programs need to know of the machine and of whoever runs them, and nothing of what they work for. */
const OF_THE_MACHINE =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|LANG|LANGUAGE|LC_\w+|TMPDIR|TMP|TEMP|XDG_\w+|CI|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|SOURCE_DATE_EPOCH|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE|SSL_CERT_(FILE|DIR)|PNPM_HOME|COREPACK_\w+|npm_config_\w+|(https?|all|no)_proxy|PRISMA_\w+(BINARY|MIRROR|MISSING))$/i;
/** What npm tells a script of the folder that it was started in: another folder has nothing to do with it, and pnpm replaces `${…}` in it. */
const OF_THE_FOLDER = /^npm_config_(local_prefix|call)$/i;
/** Of those, and of all that nobody has declared: what opens something. */
const OPENS =
  /(^|_)(\w*(token|secret|pass|passwd|password|passphrase|credentials?|auth|cookie)|pw|pwd|keys?|apikeys?)($|_)/i;

export function isOfTheMachine(name: string): boolean {
  return OF_THE_MACHINE.test(name) && !OF_THE_FOLDER.test(name) && !opensSomething(name);
}

/** By its name alone: `GITHUB_TOKEN`, `AWS_SECRET_ACCESS_KEY`, `PGPASSWORD`, `SSH_AUTH_SOCK`. */
export function opensSomething(name: string): boolean {
  return name !== 'PWD' && name !== 'OLDPWD' && OPENS.test(name);
}
