import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { htmlText, redactData } from '@drydock/kit';
import { Eta } from 'eta';
import { describeChart, shown } from './charts.ts';
import { drawChart } from './draw.ts';
import type { Chart, EnvironmentReport, Mark, Report } from './types.ts';
import { MARKS } from './types.ts';

const VIEWS = join(import.meta.dirname, 'views');
/** Everything that the page is given is escaped, unless a template says that it is a drawing. */
const eta = new Eta({ views: VIEWS, autoTrim: [false, 'nl'], escapeFunction: (value) => htmlText(String(value)) });
const css = readFileSync(join(VIEWS, 'report.css'), 'utf8');

/** The console's script, with the value that lets the browser run it alone. */
export interface Live {
  script: string;
  nonce: string;
}

/** One page with all that it needs: no script in the file, and no request. */
export function renderReport(told: Report, live?: Live): string {
  // A page is passed around, and served: it shows what a terminal would.
  const report = redactData(told);
  return eta.render('./page', {
    report,
    live,
    css,
    letters: MARKS,
    chartsOf: (one: EnvironmentReport) => one.charts.map((chart, at) => viewChart(one, chart, at)),
    marksOf,
    numbersOf,
    percentLeft: (left: number) => `${Math.round(left * 100)} %`,
    ...{ moment, day },
  });
}

function viewChart(one: EnvironmentReport, chart: Chart, at: number) {
  const id = `${one.name}-chart-${at}`;
  return {
    id,
    title: chart.title,
    text: describeChart(chart),
    svg: drawChart(chart, one, marksOf(one), `${id} ${id}-text`),
  };
}

function marksOf({ marks }: EnvironmentReport): Mark[] {
  return 'value' in marks ? marks.value : [];
}

/** The charts as a table: one row a slot in which anything is known. */
function numbersOf({ slots, charts }: EnvironmentReport): { at: number; cells: string[] }[] {
  return slots.flatMap((at, slot) => {
    const values = charts.map(({ values }) => values[slot] ?? null);
    if (values.every((value) => value === null)) return [];
    return { at, cells: charts.map(({ unit }, i) => (values[i] == null ? '–' : shown(values[i], unit))) };
  });
}

/** `2026-11-24 13:05`, UTC. */
function moment(at: number | string): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

function day(at: string | null): string {
  return at === null ? 'never' : `${moment(at)} UTC`;
}
