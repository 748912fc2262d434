import { markdownText } from '@drydock/kit';
import { minute } from '../record/shown.ts';
import type { Evidence, Release } from '../record/types.ts';

/** What one environment tells of one version. */
export interface VersionIn {
  env: string;
  /** Oldest first. */
  releases: Release[];
  evidence: Evidence[];
}

const WRITTEN =
  '<!-- Written by docs:records. What stands below a heading of an environment is written anew; headings of your own stay. -->';

/**
 * The page of a version. What the environments that were asked tell takes the place of what stood there of them; what stands there of
 * others, which could not be asked, and what people wrote below headings of their own, stays.
 */
export function pageOf(
  version: string,
  told: VersionIn[],
  { changelog, before }: { changelog: string | undefined; before: string | undefined },
): string {
  const fresh = new Map(told.map((one) => [one.env, section(one)]));
  if (changelog) fresh.set(NEWS, below(changelog));
  const kept = [...sectionsOf(before ?? '')].filter(([name]) => !fresh.has(name));
  const all = told.flatMap(({ releases }) => releases);
  return [
    `# ${titleOf(version, all)}`,
    WRITTEN,
    commitsOf(all),
    ...[...fresh, ...kept].map(([name, text]) => `## ${name}\n\n${text.trim()}`),
  ]
    .join('\n\n')
    .concat('\n');
}

const NEWS = 'What is new';

/** Its headings, below the page's. */
function below(changelog: string): string {
  return changelog.replace(/^#{1,3} /gm, '### ');
}

function titleOf(version: string, releases: Release[]): string {
  const tag = releases.findLast((release) => release.tag)?.tag;
  return tag ? `${markdownText(tag)} (${version})` : version;
}

function commitsOf(releases: Release[]): string {
  const subjects = new Map(releases.map(({ commit, subject }) => [commit, subject]));
  return [...subjects].map(([commit, subject]) => `- \`${commit}\` ${markdownText(subject)}`).join('\n');
}

function section({ releases, evidence }: VersionIn): string {
  const lines = table(
    ['live since (UTC)', 'until', 'by', 'run', 'how', 'migrations', 'backup before', 'reason'],
    releases.map((release) => [
      minute(release.liveSince),
      release.liveUntil ? minute(release.liveUntil) : '',
      markdownText(`${release.actor} on ${release.host}`),
      release.run,
      release.outcome === 'went back' ? `${release.kind}, went back` : release.kind,
      release.migrations.map(markdownText).join(', '),
      markdownText(release.backup ?? ''),
      markdownText(release.reason ?? ''),
    ]),
  );
  if (evidence.length === 0) return lines;
  const checked = table(
    ['checklist', '', 'says', 'by', 'at', 'until', 'run'],
    evidence.map(({ item, ok, says, link, by, at, until, run }) => [
      markdownText(item),
      ok ? '✔' : '✖',
      markdownText(link ? `${says} (${link})` : says),
      markdownText(by),
      minute(at),
      until ? minute(until) : '',
      run ?? '',
    ]),
  );
  return `${lines}\n\n${checked}`;
}

function table(columns: string[], rows: string[][]): string {
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** By their headings, in order. */
function sectionsOf(text: string): Map<string, string> {
  const [, ...parts] = text.split(/^## /m);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return end < 0 ? [part.trim(), ''] : [part.slice(0, end).trim(), part.slice(end + 1)];
    }),
  );
}
