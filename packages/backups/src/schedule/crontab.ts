import { cronCommand, type PrintedFile } from '@drydock/kit';
import type { Job } from './jobs.ts';

/** Lines for `crontab -`. Variables come from the product's dotenv files: cron has no place for secrets. */
export function crontab(jobs: Job[], { folder, timeZone }: { folder: string; timeZone: string }): PrintedFile {
  const lines = jobs.flatMap(({ name, about, cron, command, variables }) => [
    '',
    `# ${name}: ${about}. Needs ${variables.join(', ')}.`,
    `${cron} ${cronCommand(folder, command)}`,
  ]);
  return {
    path: 'crontab',
    lines: [
      '# For the crontab of the user who backs up. Its variables are read from the dotenv files of the product.',
      "# cronie obeys CRON_TZ; Debian's cron does not, and the machine itself must be in that time zone.",
      `CRON_TZ=${timeZone}`,
      ...lines,
    ],
  };
}
