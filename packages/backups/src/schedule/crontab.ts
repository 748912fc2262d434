import { cronCommand, type PrintedFile } from '@drydock/kit';
import type { Job } from './jobs.ts';

/** Lines for `crontab -`. Variables come from the product's dotenv files: cron has no place for secrets. */
export function crontab(
  jobs: Job[],
  { folder, timeZone, name }: { folder: string; timeZone: string; name: string },
): PrintedFile {
  const lines = jobs.flatMap(({ name, about, cron, command, variables }) => [
    '',
    `# ${name}: ${about}. Needs ${variables.join(', ')}.`,
    `${cron} ${cronCommand(folder, [...command, '--quiet'])}`,
  ]);
  return {
    path: 'crontab',
    lines: [
      `# BEGIN ${name}`,
      '# For the crontab of the user who backs up. Its variables are read from the dotenv files of the product. What goes well is not mailed.',
      '# --into takes what stands between BEGIN and END out before it puts it in anew: no job is there twice.',
      "# cronie obeys CRON_TZ; Debian's cron does not, and the machine itself must be in that time zone.",
      `CRON_TZ=${timeZone}`,
      ...lines,
      `# END ${name}`,
    ],
  };
}

/** A crontab with these jobs once, whatever it had of them: a block of before, or lines of a version that made no blocks. */
export function withoutJobs(crontab: string, jobs: Job[], name: string): string {
  const old = jobs.map((job) => `# ${job.name}: `);
  const kept: string[] = [];
  let [inside, after] = [false, false];
  for (const line of crontab.split('\n')) {
    if (line === `# BEGIN ${name}`) inside = true;
    const comes = old.some((beginning) => line.startsWith(beginning));
    if (!inside && !comes && !after) kept.push(line);
    after = !inside && comes;
    if (line === `# END ${name}`) inside = false;
  }
  const text = kept.join('\n').trimEnd();
  return text === '' ? '' : `${text}\n`;
}
