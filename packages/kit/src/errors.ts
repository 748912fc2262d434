import type { Finding } from './finding.ts';
import { type Hint, hintOn } from './hint.ts';
import { installOnDemand } from './on-demand.ts';
import { lackingPackage } from './process/lacking-package.mjs';
import { INSTALLED, TOOLKIT } from './toolkit.ts';

/** Exit codes that people script against (docs: README, "Exit codes"). */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  no: 3,
  refused: 4,
  locked: 5,
  interrupted: 130,
} as const;

export interface OpsErrorInit {
  /** Stable, upper snake case: `DATABASE_UNREACHABLE`. */
  code: string;
  /** One sentence in the user's terms: what failed, and why. */
  message: string;
  /** The next thing to do, ideally a command to type. */
  hint?: Hint | undefined;
  /** One of EXIT; that of a task where it ran as a process. */
  exit?: number;
  /** Where several things are wrong, each; the message tells of them all. For `--json`. */
  findings?: Finding[] | undefined;
  /** What a task that writes a report has to say of it there: alone on stdout, as `Outcome.document` is. */
  document?: string | undefined;
  cause?: unknown;
}

/** Every failure a user can cause or meet. Library errors are wrapped in one, once, where the library is called. */
export class OpsError extends Error {
  override readonly name = 'OpsError';
  readonly code: string;
  readonly hint: Hint | undefined;
  readonly exit: number;
  readonly findings: readonly Finding[];
  readonly document: string | undefined;

  constructor({ code, message, hint, exit = EXIT.failed, findings = [], document, cause }: OpsErrorInit) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    this.exit = exit;
    this.findings = findings;
    this.document = document;
  }
}

/** A wrong flag, a missing variable, a bad config: nothing was started (exit 2). */
export function usageError(code: string, message: string, hint?: Hint): OpsError {
  return new OpsError({ code, message, hint, exit: EXIT.usage });
}

/** A step that waits for a person to decide: what was done stays, the run stays open, and its answer so far is no (exit 3). */
export function paused(message: string, hint: Hint): OpsError {
  return new OpsError({ code: PAUSED, message, hint, exit: EXIT.no });
}
export const PAUSED = 'PAUSED';

/** The same error; the commands of its hint are about `env`. For a run that works on several environments. */
export function errorOn(env: string, thrown: unknown): OpsError {
  const error = toOpsError(thrown);
  if (error.hint === undefined) return error;
  const { code, message, hint, exit } = error;
  return new OpsError({ code, message, hint: hintOn(env, hint), exit, cause: error });
}

/** SQLSTATE insufficient_privilege, in an error of PostgreSQL that nobody has told in better words. */
const NOT_ALLOWED = '42501';

/** Wraps anything thrown so that it can be printed; an OpsError passes through untouched. */
export function toOpsError(thrown: unknown): OpsError {
  if (thrown instanceof OpsError) return thrown;
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  const { code, path } = (thrown ?? {}) as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new OpsError({
      code: 'DISK_FULL',
      message: `The disk is full: ${path ?? 'what was to be kept'} could not be written (${code}).`,
      hint: 'Free disk space, and run it again.',
      cause: thrown,
    });
  if (code === NOT_ALLOWED && thrown instanceof Error && 'severity' in thrown)
    return new OpsError({
      code: 'RIGHT_LACKING',
      message: `This role lacks a right on the database: ${message.replace(/\.$/, '')}.`,
      hint: 'Its owner grants it; of what is ours: GRANT USAGE ON SCHEMA drydock TO the role, and GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA drydock TO the role.',
      cause: thrown,
    });
  if (path !== undefined && ['EACCES', 'EPERM', 'EROFS'].includes(code ?? ''))
    return denied(path, thrown as NodeJS.ErrnoException);
  const lacking = lackingPackage(thrown, TOOLKIT);
  if (lacking !== undefined) return packageMissing(lacking, thrown);
  return new OpsError({
    code: 'UNEXPECTED',
    message,
    hint: 'Run it again with DEBUG=1 for the stack trace.',
    cause: thrown,
  });
}

/** What the system calls it that was tried, in a word. */
const TRIED: [RegExp, string][] = [
  [/^(scandir|l?stat|read)/, 'read'],
  [/^spawn/, 'run'],
  [/^open/, 'opened'],
];

function denied(path: string, cause: NodeJS.ErrnoException): OpsError {
  const tried = TRIED.find(([call]) => call.test(cause.syscall ?? ''))?.[1] ?? 'changed';
  return new OpsError({
    code: 'FILE_DENIED',
    message:
      cause.code === 'EROFS'
        ? `${path} lies on a read-only disk (EROFS).`
        : `${path} may not be ${tried} by you (${cause.code}).`,
    hint: 'Run it as who may, or where that is allowed.',
    cause,
  });
}

/** What few products need is not installed with the toolkit: whoever needs it installs it. All else is there once it is installed as it should be. */
function packageMissing(name: string, cause: unknown): OpsError {
  const install = installOnDemand(name);
  if (install !== undefined)
    return new OpsError({
      code: 'PACKAGE_MISSING',
      message: `This needs the package ${name}, which few products do: it is not installed with Drydock.`,
      hint: `Install it beside Drydock: ${install}`,
      exit: EXIT.usage,
      cause,
    });
  return new OpsError({
    code: 'PACKAGES_STALE',
    message: INSTALLED
      ? `The package ${name}, which Drydock needs, is not installed as it should be.`
      : `The packages of this checkout are older than it is: ${name} is not there as it is wanted.`,
    hint: INSTALLED ? 'Install the packages of the product again, by its lockfile.' : 'npm run prepare-machine',
    exit: EXIT.usage,
    cause,
  });
}

/** A file or folder is not there, or something else stands where one of its folders should be. */
export function isMissing(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');
}
