// `node packages/db/test/corpus/table.ts` writes the table of the README; a test tells when it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, CORPUS } from './corpus.ts';

export const README = join(import.meta.dirname, '../../README.md');
const [BEGIN, END] = ['<!-- corpus -->\n', '<!-- /corpus -->'];

/** The README with the corpus of now in it. */
export function withTable(readme: string): string {
  const [before = '', rest = ''] = readme.split(BEGIN);
  return `${before}${BEGIN}\n${table()}\n${END}${rest.split(END)[1] ?? ''}`;
}

function table(): string {
  const kinds = [...new Set(CORPUS.map(({ kind }) => kind))];
  const rows = kinds.map((kind) => {
    const cases = CORPUS.filter((one) => one.kind === kind);
    return [kind, listed(cases.map(({ form }) => form)), found(cases), good(cases)];
  });
  const all = [['statement', 'in the forms', 'found, on', 'nothing above info, on'], ...rows];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  const line = (row: string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = all;
  const bad = CORPUS.filter(isBad).length;
  return [
    `${CORPUS.length} statements of ${kinds.length} kinds: ${bad} bad, ${CORPUS.length - bad} good.`,
    '',
    line(head),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...body.map(line),
    '',
  ].join('\n');
}

function isBad({ finds }: Case): boolean {
  return finds !== undefined && finds.level !== 'info';
}

function found(cases: Case[]): string {
  const bad = cases.filter(isBad);
  const codes = listed(bad.map(({ finds }) => `\`${finds?.code}\``));
  return codes && `${codes}: ${listed(bad.map(({ on }) => on))}`;
}

function good(cases: Case[]): string {
  return listed(cases.filter((one) => !isBad(one)).map(({ on }) => on));
}

function listed(words: string[]): string {
  return [...new Set(words)].join(', ');
}

if (import.meta.main) writeFileSync(README, withTable(readFileSync(README, 'utf8')));
