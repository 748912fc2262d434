import { type PrintedFile, posixLine, posixWord } from '@drydock/kit';
import type { Job } from './jobs.ts';

/** cron's own has neither the pinned Node nor /usr/local. */
const PATH = 'export PATH="$PWD/node_modules/.bin:/usr/local/bin:/usr/bin:/bin"';

/** Lines for `crontab -`. Variables come from the product's dotenv files: cron has no place for secrets. */
export function crontab(jobs: Job[], { folder, timeZone }: { folder: string; timeZone: string }): PrintedFile {
  const lines = jobs.flatMap(({ name, about, cron, command, variables }) => [
    '',
    `# ${name}: ${about}. Needs ${variables.join(', ')}.`,
    `${cron} ${escapePercent(`cd ${posixWord(folder)} && ${PATH} && exec ${posixLine(command)}`)}`,
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

/** An unescaped % ends the command: crontab(5). */
function escapePercent(command: string): string {
  return command.replaceAll('%', '\\%');
}
