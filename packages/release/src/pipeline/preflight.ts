import {
  type EnvName,
  EXIT,
  type Finding,
  type Hint,
  hintOn,
  OpsError,
  type TaskContext,
  toOpsError,
} from '@drydock/kit';
import { boxesIn } from '../checklist/checklist.ts';
import { type Checkout, readCheckout } from '../checkout.ts';
import { TESTS } from '../ci/recorded.ts';
import type { Skippable } from '../config/hotfix.ts';
import { releaseConfig, releaseNotConfigured, releaseSection } from '../config.ts';
import { notifies, notifyQuestion } from '../notify.ts';
import { checklistQuestions } from '../preflight/checklist.ts';
import { checkoutQuestions } from '../preflight/checkout.ts';
import { ciQuestions } from '../preflight/ci.ts';
import { environmentQuestions } from '../preflight/environment.ts';
import { freezeQuestion } from '../preflight/freeze.ts';
import { productQuestions } from '../preflight/product.ts';
import { toolQuestions } from '../preflight/tools.ts';
import type { Question } from '../question.ts';

/** One question is no reason to wait for ever; a rehearsal of many migrations takes its time. */
const WITHIN_MS = 5 * 60_000;

/** What a question came to. `env`: undefined where it is about the checkout or this machine. */
interface Answer {
  env: EnvName | undefined;
  about: string;
  found?: string;
  error?: OpsError;
}

export interface PreflightOptions {
  allowDirty?: boolean;
  /** Neither origin nor GitHub is asked. */
  offline?: boolean;
  /** Boxes of the checklist that the operator stands for by name. */
  sign?: string[];
  /** What a hotfix leaves out: it is not asked about. */
  skip?: readonly Skippable[];
  /** The webhook will be told. */
  notify?: boolean;
  /** Why it is released although nothing is to be. */
  inFreeze?: string | undefined;
  /** Hazards of migrations that are taken on. */
  accept?: string[];
  /** What else the run will need of an environment; undefined: of this machine. */
  more?(env: EnvName | undefined): Question[];
}

/**
 * Everything that the steps will need, of every environment, before anything is changed in the first: that production's proxy is
 * away should not be found out when its migrations are applied. All that is missing is told at once: in one table, and in one error
 * (exit 2; 4 where guards alone refuse, 3 where boxes of the checklist alone are open).
 */
export async function preflight(
  given: TaskContext,
  environments: EnvName[],
  options: PreflightOptions = {},
): Promise<Checkout> {
  const { ctx, unsaid } = asDefault(given);
  const release = releaseConfig(ctx.config);
  const progress = ctx.out.progress('preflight');
  let checkout: Promise<Checkout> | undefined;
  const read = () => {
    checkout ??= readCheckout(ctx.config.root, ctx.signal);
    return checkout;
  };
  const { warn } = ctx.out;
  const { allowDirty = false, offline = false, accept = [], sign = [], skip = [], more = () => [] } = options;
  const signed = boxesIn(sign);
  const about = { baseBranch: release.baseBranch, allowDirty, offline, warn };
  const last = environments.at(-1) ?? ctx.env;
  const asked = [
    ...unsaid,
    ...checkoutQuestions(read, about).map((question) => answer(ctx, undefined, question)),
    ...answersOf(ctx, undefined, () =>
      skip.includes('ci')
        ? []
        : ciQuestions(read, {
            config: ctx.config,
            ci: release.ci,
            environments: environments.map(ctx.environmentOf),
            offline,
            signed: signed.includes(TESTS),
            warn,
          }),
    ),
    ...answersOf(ctx, undefined, () => toolQuestions(ctx.config, release, ctx.environmentOf(last))),
    ...answersOf(ctx, undefined, () => productQuestions(ctx.config, release, ctx.environmentOf(last), read)),
    ...answersOf(ctx, last, () => {
      const environment = ctx.environmentOf(last);
      return notifies(ctx.config, environment, options.notify === true)
        ? [notifyQuestion(ctx.config, environment)]
        : [];
    }),
    ...answersOf(ctx, undefined, () => more(undefined)),
    ...environments.flatMap((env) => [
      ...answersOf(ctx, env, () => environmentQuestions(ctx, ctx.environmentOf(env), { accept, warn })),
      ...answersOf(ctx, env, () => [freezeQuestion(ctx.config, release.freeze, { env, despite: options.inFreeze })]),
      ...answersOf(ctx, env, () =>
        skip.includes('checklist') ? [] : checklistQuestions(ctx, env, { read, sign: signed }),
      ),
      ...answersOf(ctx, env, () => more(env)),
    ]),
  ];
  const answers = await Promise.all(asked);
  // Whoever holds the lock is waited for, or refuses the run by himself.
  const missing = answers.filter(({ error }) => error && error.exit !== EXIT.locked);
  if (missing.length > 0) progress.fail();
  else progress.done(`preflight: ${answers.length} things asked`);
  show(
    ctx,
    answers.filter(({ error }) => error),
  );
  if (missing.length > 0) throw allMissing(missing);
  return read();
}

/** A config that says nothing of releases is one thing that is missing: all else is asked as the defaults would have it. */
function asDefault(ctx: TaskContext): { ctx: TaskContext; unsaid: Promise<Answer>[] } {
  if (releaseSection.of(ctx.config)) return { ctx, unsaid: [] };
  const { config } = ctx;
  const error = releaseNotConfigured(config);
  return {
    ctx: { ...ctx, config: { ...config, written: { ...config.written, release: {} } } },
    unsaid: [Promise.resolve({ env: undefined, about: 'config', error })],
  };
}

/** Questions that cannot even be asked (an environment with a value of another one) are answered by that. */
function answersOf(ctx: TaskContext, env: EnvName | undefined, questions: () => Question[]): Promise<Answer>[] {
  try {
    return questions().map((question) => answer(ctx, env, question));
  } catch (thrown) {
    return [Promise.resolve({ env, about: 'environment', error: toOpsError(thrown) })];
  }
}

async function answer(ctx: TaskContext, env: EnvName | undefined, { about, ask }: Question): Promise<Answer> {
  const late = AbortSignal.timeout(WITHIN_MS);
  const tooLate = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () =>
      reject(
        new OpsError({
          code: 'NO_ANSWER',
          message: `The question about ${about} was not answered within ${WITHIN_MS / 60_000} minutes.`,
        }),
      ),
    );
  });
  try {
    const found = await Promise.race([ask(AbortSignal.any([ctx.signal, late])), tooLate]);
    return { env, about, found };
  } catch (thrown) {
    ctx.signal.throwIfAborted();
    return { env, about, error: toOpsError(thrown) };
  }
}

function show(ctx: TaskContext, answers: Answer[]): void {
  if (answers.length === 0) return;
  ctx.out.table(
    ['', 'environment', 'what', 'found'],
    answers.map(({ env, about, error }) => [
      error?.exit === EXIT.locked ? '!' : '✖',
      env ?? '',
      about,
      error?.message ?? '',
    ]),
  );
  const hints = answers.flatMap(({ env, error }) => (error?.hint ? [ctx.typed(onEnv(env, error.hint))] : []));
  const distinct = new Set(hints);
  // One alone is said with the verdict.
  if (distinct.size > 1) for (const text of distinct) ctx.out.line(`  → ${text}`);
}

/** A no and a refusal keep their meaning where nothing else is wrong. */
const ANSWERS: number[] = [EXIT.no, EXIT.refused];

function allMissing(answers: Answer[]): OpsError {
  const errors = answers.flatMap(({ env, error }) => (error ? [{ env, error }] : []));
  const all = errors.map(({ env, error: { code, message, hint } }): Finding => {
    return { level: 'error', code, message: sentence(env, message), hint: hint && onEnv(env, hint) };
  });
  // A database that is away is in the way of several questions.
  const findings = all.filter(({ message }, at) => all.findIndex((other) => other.message === message) === at);
  const [first] = findings;
  const alone = findings.length === 1;
  const [exit] = new Set(errors.map(({ error }) => error.exit));
  const asOne = ANSWERS.some((code) => errors.every(({ error }) => error.exit === code));
  return new OpsError({
    code: alone && first ? first.code : 'PREFLIGHT_FAILED',
    message: `Nothing was begun: ${alone ? '' : `${findings.length} things are missing. `}${findings.map(({ message }) => message).join(' ')}`,
    hint: first?.hint,
    exit: asOne && exit !== undefined ? exit : EXIT.usage,
    findings,
    cause: errors[0]?.error,
  });
}

function sentence(env: EnvName | undefined, message: string): string {
  const text = env ? `${env}: ${message}` : message;
  return text.replace(/([^.!?])$/, '$1.');
}

function onEnv(env: EnvName | undefined, hint: Hint): Hint {
  return env ? hintOn(env, hint) : hint;
}
