import { EXIT, environmentSettings, type LoadedConfig, OpsError } from '@drydock/kit';
import type { FreezeWindow } from '../config/freeze.ts';
import type { Question } from '../question.ts';

/** The window in which an environment is now; undefined outside of all. */
export function frozenBy(
  config: LoadedConfig,
  windows: readonly FreezeWindow[],
  env: string,
  now: Date,
): FreezeWindow | undefined {
  const customers = environmentSettings(config, env).serves === 'customers';
  return windows.find((window) => (window.environments?.includes(env) ?? customers) && isIn(window, now));
}

/** By the wall clock of its time zone: an hour that comes twice is frozen twice. */
function isIn({ from, to, days, hours, timeZone }: FreezeWindow, now: Date): boolean {
  const { moment, day } = wallClock(now, timeZone);
  const time = moment.slice(11);
  const [begins = '00:00', ends = '24:00'] = hours?.split('-') ?? [];
  return (
    (from === undefined || moment >= whole(from)) &&
    (to === undefined || moment < whole(to)) &&
    (days.length === 0 || days.some((one) => one === day)) &&
    time >= begins &&
    time < ends
  );
}

function whole(local: string): string {
  return local.length === 10 ? `${local}T00:00` : local;
}

/** `2026-12-20T18:00`, `fri`. */
function wallClock(now: Date, timeZone: string): { moment: string; day: string } {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    ...{ weekday: 'short', hourCycle: 'h23' },
  }).formatToParts(now);
  const of = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
  return {
    moment: `${of('year')}-${of('month')}-${of('day')}T${of('hour')}:${of('minute')}`,
    day: of('weekday').toLowerCase(),
  };
}

/** `despite`: why it is released all the same. */
export function freezeQuestion(
  config: LoadedConfig,
  windows: readonly FreezeWindow[],
  { env, despite }: { env: string; despite: string | undefined },
): Question {
  return {
    about: 'freeze window',
    async ask() {
      const window = frozenBy(config, windows, env, new Date());
      if (!window) return 'none now';
      const until = window.to ? ` until ${window.to} (${window.timeZone})` : '';
      if (despite) return `${window.reason}${until}; released all the same: ${despite}`;
      throw new OpsError({
        code: 'FROZEN',
        message: `Nothing is released to ${env}${until}: ${window.reason}.`,
        hint: 'Wait for its end. What cannot wait says why: --in-freeze "…"',
        exit: EXIT.refused,
      });
    },
  };
}
