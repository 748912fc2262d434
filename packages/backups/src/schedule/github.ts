import { command, hint, type PrintedFile, posixLine, usageError } from '@drydock/kit';
import { Document } from 'yaml';
import { parseCron } from './cron.ts';
import type { Job } from './jobs.ts';

export interface GithubPlace {
  env: string;
  timeZone: string;
  /** Minutes. */
  max: number;
  /** What prepares a fresh checkout. */
  setUp: string;
  /** Where in the repository it runs; at its top if it is not given. */
  folder?: string | undefined;
  /** Variable of the repository: only while it is `on` do jobs begin by themselves. */
  onlyWhile?: string | undefined;
  /** Of `variables`, those that are secrets. */
  isSecret(variable: string): boolean;
}

/** GitHub starts nothing more often than this (docs.github.com, "Events that trigger workflows": schedule). */
const SHORTEST_MINUTES = 5;
const COMMENT = ` The environment's secrets and variables carry the values; it must not ask for a reviewer, or no run ever starts.
 GitHub starts late when it is busy, and in a public repository ends schedules after 60 quiet days: the monitor in Sentry tells.`;

/** One workflow: a job runs when its own schedule fires, or when somebody picks it by hand. */
export function githubWorkflow(jobs: Job[], place: GithubPlace): PrintedFile {
  for (const job of jobs) refuseTooOften(job);
  const workflow = {
    name: `Backups of ${place.env}`,
    on: {
      schedule: jobs.map(({ cron }) => ({
        cron,
        ...(place.timeZone === 'UTC' ? {} : { timezone: place.timeZone }),
      })),
      workflow_dispatch: {
        inputs: { job: { type: 'choice', options: jobs.map(({ kind }) => kind), default: 'backup', required: true } },
      },
    },
    permissions: { contents: 'read' },
    jobs: Object.fromEntries(jobs.map((job) => [job.kind, jobOf(job, place)])),
  };
  const document = new Document(workflow);
  document.commentBefore = COMMENT;
  return { path: `.github/workflows/backups-${place.env}.yml`, lines: document.toString({ lineWidth: 0 }).split('\n') };
}

function jobOf(
  { kind, name, cron, command, variables }: Job,
  { env, max, onlyWhile, isSecret, setUp, folder }: GithubPlace,
) {
  const [program, ...args] = command;
  const due = `github.event.schedule == '${cron}'${onlyWhile ? ` && vars.${onlyWhile} == 'on'` : ''}`;
  return {
    name,
    if: `${due} || inputs.job == '${kind}'`,
    'runs-on': 'ubuntu-24.04',
    environment: env,
    'timeout-minutes': max,
    ...(folder ? { defaults: { run: { 'working-directory': folder } } } : {}),
    // One at a time, and none ended for a later one.
    concurrency: { group: name, 'cancel-in-progress': false },
    env: Object.fromEntries(
      variables.map((variable) => [variable, `\${{ ${isSecret(variable) ? 'secrets' : 'vars'}.${variable} }}`]),
    ),
    steps: [
      { uses: 'actions/checkout@v4' },
      { uses: 'actions/setup-node@v4', with: { 'node-version': 24 } },
      { name: 'Set the machine up', run: setUp },
      {
        name,
        run: `${withoutEmpty(variables)}\n${posixLine([program === 'node' ? 'node_modules/.bin/node' : (program ?? ''), ...args])}`,
      },
    ],
  };
}

/** What nobody has set comes as an empty text, and would stand in the place of what the files of the repository say. */
function withoutEmpty(variables: readonly string[]): string {
  return `for name in ${variables.join(' ')}; do [ -n "\${!name}" ] || unset "$name"; done`;
}

function refuseTooOften({ kind, cron }: Job): void {
  const { minute, hour } = parseCron(cron);
  const nextHour = hour.values.some((value) => hour.values.includes((value + 1) % 24));
  const minutes = [...minute.values, ...(nextHour ? [(minute.values[0] ?? 0) + 60] : [])];
  if (minutes.every((value, i) => i === 0 || value - (minutes[i - 1] ?? 0) >= SHORTEST_MINUTES)) return;
  throw usageError(
    'SCHEDULE_TOO_DENSE',
    `GitHub starts nothing more often than every ${SHORTEST_MINUTES} minutes, and ${kind} is to run at "${cron}".`,
    hint`Give it more room: backups.schedule.${kind} in drydock.config.ts. For less loss than that: ${command('backup:pitr', { plan: true })}`,
  );
}
