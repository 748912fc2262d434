import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Chart, EnvironmentReport, Mark } from './types.ts';
import { MARKS } from './types.ts';

/** Charts are as wide as a phone is; on larger screens they stand beside each other. */
const WIDTH = 380;
const HEIGHT = 190;
const DAY_MS = 86_400_000;

/** A chart as SVG that takes its colours from the page, needs no script, and is one image to a screen reader. */
export function drawChart(
  chart: Chart,
  { slots, slotMs }: EnvironmentReport,
  marks: readonly Mark[],
  labels: string,
): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const points = chart.values.map((value, at) => ({
    at: new Date((slots[at] ?? 0) + slotMs / 2),
    value: value ?? Number.NaN,
  }));
  const range = [new Date(slots[0] ?? 0), new Date((slots.at(-1) ?? 0) + slotMs)];
  const span = slots.length * slotMs;
  const most = Math.max(chart.bound?.value ?? 0, ...chart.values.map((value) => value ?? 0));
  const shown = marks.map(({ kind, at }) => ({ at: new Date(at), letter: MARKS[kind], kind }));
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 44,
    marginTop: 24,
    style: { fontSize: '12px' },
    x: { type: 'utc', domain: range, label: null, ticks: 4, tickFormat: span > 2 * DAY_MS ? '%d %b' : '%H:%M' },
    y: { domain: [0, most > 0 ? most * 1.1 : 1], label: chart.unit, grid: true, ticks: 4 },
    marks: [
      ...(chart.bound ? [Plot.ruleY([chart.bound.value], { stroke: 'var(--bound)', strokeDasharray: '6 4' })] : []),
      ...shown.flatMap((one) => [
        Plot.ruleX([one], { x: 'at', stroke: `var(--${one.kind})`, strokeWidth: 1.5, strokeDasharray: '2 3' }),
        Plot.text([one], {
          x: 'at',
          text: 'letter',
          frameAnchor: 'top',
          dy: -14,
          fill: `var(--${one.kind})`,
          fontWeight: 'bold',
        }),
      ]),
      Plot.lineY(points, { x: 'at', y: 'value', stroke: 'var(--line)', strokeWidth: 2, strokeLinecap: 'round' }),
    ],
  });
  // Its parts are no use one by one: the image has a name and a description, and the numbers are in a table.
  for (const part of svg.querySelectorAll('[aria-label],[aria-hidden]')) {
    part.removeAttribute('aria-label');
    part.removeAttribute('aria-hidden');
  }
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-labelledby', labels);
  return svg.outerHTML;
}
