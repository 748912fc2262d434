import { command, type Finding, type Hint, hint, type Outcome } from '@drydock/kit';
import type { RotationPlan } from './plan.ts';
import type { Settled } from './settle.ts';

export interface Ended {
  plan: RotationPlan;
  settled: Settled;
}

/** What a run of some rotations comes to. */
export function rotationOutcome(env: string, ended: readonly Ended[]): Outcome {
  const waiting = ended.filter(({ settled }) => !settled.over);
  const done = ended.filter(({ settled }) => settled.over);
  const names = (all: readonly Ended[]) => all.map(({ plan }) => plan.name).join(', ');
  const said = [
    ...(done.length > 0
      ? [
          `${names(done)} of ${env}: ${done[0]?.plan.does === 'takeBack' ? 'taken back' : 'rotated, and the old one is ended'}`,
        ]
      : []),
    ...waiting.map(({ plan, settled }) => `${plan.name} of ${env}: ${waitsFor(plan, settled)}`),
  ];
  return {
    verdict: said.length > 0 ? `${said.join('; ')}.` : `No rotation of ${env} waits.`,
    ...(waiting.length > 0 ? { mark: 'warning' as const } : {}),
    findings: [...waiting.flatMap(stragglersIn), ...done.flatMap(startedByHand)],
    data: { rotations: ended.map(({ plan, settled }) => ({ secret: plan.name, rotation: plan.id, ...settled })) },
    ...(said.length > 0 ? { next: nextOf(env, waiting) } : { next: command('secrets:status', { env }) }),
  };
}

function waitsFor({ does }: RotationPlan, { until, standsBy, stragglers }: Settled): string {
  if (standsBy) return `the new one is known everywhere, and is used after ${until}`;
  const which = does === 'takeBack' ? 'the old one is in use again; the new one' : 'the new one is in use; the old one';
  if (until !== null) return `${which} stays valid until ${until}`;
  return `${which} is still used by ${stragglers.length}`;
}

function stragglersIn({ plan, settled: { stragglers } }: Ended): Finding[] {
  return stragglers.map(({ who, host, pid, ageSeconds, state }) => ({
    level: 'warn',
    code: 'STILL_IN_USE',
    message: `${plan.name}: ${who} on ${host}${pid ? ` (${pid})` : ''} still uses the old one: ${state}, for ${Math.round(ageSeconds)} s`,
  }));
}

function startedByHand({ plan: { name }, settled: { byHand } }: Ended): Finding[] {
  if (!byHand) return [];
  return [
    {
      level: 'warn',
      code: 'START_BY_HAND',
      message: `${name}: what runs was started with the old one, which is refused now: start the product again by hand.`,
      hint: 'Where that is done by a command, name it in secrets.redeploy.command.',
    },
  ];
}

function nextOf(env: string, waiting: readonly Ended[]): Hint {
  const [first] = waiting;
  if (!first) return command('secrets:status', { env });
  const { plan, settled } = first;
  const goOn = command('secrets:rotate', { env, continue: true }, plan.name);
  if (settled.until !== null)
    return hint`After ${settled.until}: ${goOn}   (by itself: ${command('secrets:schedule', { env, format: 'systemd' })})`;
  return hint`When that is done, or they have ended: ${goOn}`;
}
