import { relative } from 'node:path';
import { htmlText, markdownFence, markdownText, shownJson, shownLines, type WordedFinding } from '@drydock/kit';
import { CODES, isCode } from '../codes.ts';
import type { Rehearsal } from '../rehearsal/rehearse.ts';
import { HEADER, lockVerdict, statementRow } from './table.ts';

export const FORMATS = ['github', 'markdown', 'sarif'] as const;
export type Format = (typeof FORMATS)[number];

export interface Report extends Pick<Rehearsal, 'migrations' | 'ignored' | 'copy'> {
  findings: WordedFinding[];
  env: string;
  verdict: string;
  /** By which task: db:dry-run. */
  task?: string;
  /** Paths of files are told relative to it. */
  root: string;
}

export function writeReport(format: Format, report: Report): string {
  return { github, markdown, sarif }[format](report);
}

/** Workflow commands of GitHub Actions: one annotation a finding, at its line of the pull request. */
function github({ findings, root }: Report): string {
  const command = { error: 'error', warn: 'warning', info: 'notice' };
  return findings
    .map(({ level, code, message, hint, recipe, file, line }) => {
      const properties = [
        ...(file ? [`file=${property(relative(root, file))}`, `line=${line ?? 1}`] : []),
        `title=${property(code)}`,
      ];
      return `::${command[level]} ${properties.join(',')}::${data([message, hint, ...(recipe ?? [])].filter(Boolean).join('\n'))}`;
    })
    .join('\n');
}

/** GitHub's escapes of a command's data, and of its properties. */
function data(text: string): string {
  return escaped(shownLines(text).join('\n'));
}
function property(text: string): string {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** A comment of a pull request. */
function markdown({ findings, migrations, ignored, copy, env, verdict, task }: Report): string {
  const icon = { error: '🛑', warn: '⚠️', info: 'ℹ️' };
  const locks = migrations.length > 0 ? markdownText(lockVerdict(migrations, copy)) : '';
  const lines = [
    `## Migrations ${task ? 'of' : 'for'} ${markdownText(env)}`,
    '',
    `**${markdownText(verdict)}** ${locks}`.trim(),
    '',
  ];
  for (const { level, code, message, hint, recipe } of findings) {
    lines.push(
      `- ${icon[level]} **${markdownText(code)}** ${[message, hint ?? ''].map(markdownText).join(' ').trim()}`,
    );
    if (recipe) lines.push('', ...markdownFence(recipe, 'sql').map((line) => `  ${line}`), '');
  }
  for (const { code, migration, line, reason } of ignored)
    lines.push(`- ${markdownText(`${code} at ${migration}:${line} is ignored: ${reason}`)}`);
  for (const { name, durationMs, statements } of migrations) {
    lines.push('', `<details><summary>${htmlText(name)} (${durationMs} ms)</summary>`, '');
    lines.push(`| ${HEADER.join(' | ')} |`, `|${HEADER.map(() => '---').join('|')}|`);
    for (const statement of statements) lines.push(`| ${statementRow(statement).map(markdownText).join(' | ')} |`);
    lines.push('', '</details>');
  }
  return lines.join('\n');
}

/** SARIF 2.1.0 (OASIS), for code scanning. */
function sarif({ findings, root, task = 'db:dry-run' }: Report): string {
  const level = { error: 'error', warn: 'warning', info: 'note' };
  const codes = [...new Set(findings.map(({ code }) => code))];
  const result = ({ level: of, code, message, hint, recipe, file, line }: WordedFinding) => ({
    ruleId: code,
    level: level[of],
    message: { text: [message, hint, ...(recipe ?? [])].filter(Boolean).join('\n') },
    ...(file
      ? {
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: relative(root, file).split(/[\\/]/).map(encodeURIComponent).join('/') },
                region: { startLine: line ?? 1 },
              },
            },
          ],
        }
      : {}),
  });
  return shownJson(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: `drydock ${task}`,
              rules: codes.map((id) => ({ id, shortDescription: { text: isCode(id) ? CODES[id] : id } })),
            },
          },
          results: findings.map(result),
        },
      ],
    },
    2,
  );
}
