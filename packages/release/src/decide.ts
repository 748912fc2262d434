import {
  command,
  EXIT,
  environmentSettings,
  flag,
  hint,
  OpsError,
  openEverywhere,
  type TaskContext,
  usageError,
} from '@drydock/kit';
import { withRecord } from './record/record.ts';
import type { Decision } from './record/types.ts';

export const decidingFlags = {
  yes: flag.boolean({ about: 'passed on to the run' }),
  confirm: flag.texts({ value: 'NAME', about: 'the guarded environments of the run, each' }),
  reason: flag.sentence({ value: 'TEXT', about: 'why, kept in the record' }),
};

interface Deciding {
  decision: Decision;
  reason?: string | undefined;
  confirm?: readonly string[] | undefined;
  yes?: boolean | undefined;
}

/** Keeps what somebody says about a gate that could not tell. Returns the command line with which the run that waits goes on. */
export async function decide(
  ctx: Pick<TaskContext, 'config' | 'env' | 'environmentOf' | 'actor'>,
  { decision, reason, confirm = [], yes }: Deciding,
): Promise<{ task: string; argv: string[] }> {
  const { config, env, environmentOf, actor } = ctx;
  const { open, unseen } = await openEverywhere(ctx);
  const states = open.map(({ state }) => state);
  const paused = states.findLast(
    ({ lastError, start }) => lastError === 'PAUSED' && (start.environments ?? []).includes(env),
  );
  const step = [...(paused?.steps.values() ?? [])].findLast(({ state }) => state === 'failed')?.name;
  const [away] = unseen;
  if (!paused && away)
    throw new OpsError({
      code: 'RUNS_UNSEEN',
      message: `Whether a release of ${env} waits cannot be told: ${away.why}`,
      hint: command('env:check', { env: away.env }),
    });
  if (!paused || !step)
    throw usageError(
      'NOTHING_WAITS',
      `No release of ${env} waits for a decision.`,
      hint`What is open: ${command('ops:resume')}`,
    );
  const guarded = (paused.start.environments ?? []).filter(
    (each) => environmentSettings(config, each).guard === 'confirm',
  );
  const missing = guarded.filter((each) => !confirm.includes(each));
  const again = { env, yes: true, confirm: guarded, reason: reason ?? '…' };
  if (missing.length > 0)
    throw new OpsError({
      code: 'UNCONFIRMED',
      message: `release:${decision} changes ${missing.join(' and ')}, which has to be confirmed.`,
      hint: decision === 'continue' ? command('release:continue', again) : command('release:abort', again),
      exit: EXIT.refused,
    });
  if (guarded.length > 0 && !reason)
    throw usageError('REASON_MISSING', `Whoever reads the record of ${env} will ask why.`, 'Add --reason "why".');
  const [where = env] = step.split(' › ');
  await withRecord(config, environmentOf(where), (record) =>
    record.decide(paused.run, step, decision, actor, reason ?? ''),
  );
  return {
    task: paused.task,
    argv: [
      ...['--config', config.file, '--env', paused.env, '--resume', paused.run],
      ...(yes ? ['--yes'] : []),
      ...confirm.flatMap((each) => ['--confirm', each]),
    ],
  };
}
