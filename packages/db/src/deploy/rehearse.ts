import { command, defineStep, EXIT, type Hint, hint, OpsError, type Step } from '@drydock/kit';
import type { Content } from '../rehearsal/fill.ts';
import { rehearse } from '../rehearsal/rehearse.ts';
import type { Promised } from '../schema/promised.ts';
import type { Target } from '../target.ts';
import { isAcceptable, refuseUnknownCodes } from './accept.ts';

export interface RehearseOptions {
  /** Codes of hazards that are taken on. */
  accept?: string[];
  /** Commit of the version that serves now, or how to find out. */
  running?: string | undefined | (() => Promise<string | undefined>);
  /** What the copy holds. */
  content?: () => Promise<Content>;
}

/** `promised` is null where the copy could not tell of all of them what they make. */
export type Rehearsed = { copy: string | null; migrations: number; promised: Promised | null };

/** What the copy could not tell is said where somebody watches; it refuses nothing. */
const TOLD = new Set([
  'SCRIPT_NOT_RUN',
  'DRIFT',
  'DRIFT_CHECK_FAILED',
  'NOT_REHEARSED',
  'COPY_DIFFERS',
  'CHANGES_SERVER',
  'SERVER_CHANGED',
  'SCRATCH_LEFT',
]);

interface Told {
  detail(text: string): void;
  warn(text: string): void;
}

/** Rehearses. What would fail is refused; a hazard that is an error, too, unless its code is accepted. */
export async function rehearseAndRefuse(
  target: Target,
  { accept = [], running, content }: RehearseOptions,
  { detail, warn }: Told,
): Promise<Rehearsed> {
  const { findings, migrations, copy, promised, untold } = await rehearse(target, {
    onMigration: detail,
    running: typeof running === 'function' ? await running() : running,
    ...(content ? { content: await content() } : {}),
  });
  const errors = findings.filter(({ level }) => level === 'error');
  const standing = errors.filter(({ code }) => !isAcceptable(code) || !accept.includes(code));
  for (const { code, message } of errors.filter((error) => !standing.includes(error)))
    warn(`${code} accepted: ${message}`);
  for (const { code, message } of findings.filter(({ code: found, level }) => level === 'warn' && TOLD.has(found)))
    warn(`${code}: ${message}`);
  const [first] = standing;
  if (first) throw refusal(target, first, standing.length);
  return { copy: copy ?? null, migrations: migrations.length, promised: untold.length > 0 ? null : promised };
}

/** See `rehearseAndRefuse`. */
export function rehearseStep(
  target: Target,
  { name = 'rehearse', ...options }: RehearseOptions & { name?: string } = {},
): Step<Rehearsed> {
  refuseUnknownCodes(options.accept ?? []);
  return defineStep<Rehearsed>({
    name,
    run: ({ detail, out }) => rehearseAndRefuse(target, options, { detail, warn: out.warn }),
  });
}

function refusal(
  target: Target,
  first: { code: string; message: string; hint?: Hint | undefined },
  count: number,
): OpsError {
  const more = count > 1 ? ` (and ${count - 1} more)` : '';
  return new OpsError({
    code: first.code,
    message: `The rehearsal on a copy found ${first.code}${more}: ${first.message}`,
    hint: isAcceptable(first.code)
      ? hint`See it with its safe recipe: ${command('db:dry-run', { env: target.env })}   Or take it on: --accept ${first.code}`
      : first.hint,
    exit: isAcceptable(first.code) ? EXIT.refused : EXIT.failed,
  });
}
