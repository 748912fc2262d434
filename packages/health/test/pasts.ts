import { editLooks, editPage, type Line } from './pages.ts';
import type { Recorded } from './recorded/recordings.ts';

const COUNTS = /(_total|_bucket|_count|_sum)$/;
const isCounter = ({ name }: Line) => COUNTS.test(name) && !/^nodejs_(active|eventloop)/.test(name);
const isStart = ({ name }: Line) => name === 'process_start_time_seconds';
const idOf = ({ name, labels }: Line) => `${name} ${JSON.stringify(labels)}`;

/** Another process: with its own start and its own past, which is so many times what was recorded. */
export function livedBefore(
  looks: readonly Recorded[],
  start: number | null,
  past: number,
  pastErrors: number,
): Recorded[] {
  const last = new Map<string, number>();
  editPage(looks.at(-1)?.metrics?.body ?? '', (line) => {
    last.set(idOf(line), Number(line.value));
    return line;
  });
  return editLooks(looks, (line) => {
    if (isStart(line)) return start === null ? undefined : { ...line, value: start };
    if (!isCounter(line)) return line;
    const extra = line.name === 'http_errors_total' ? pastErrors : Math.round((last.get(idOf(line)) ?? 0) * past);
    return { ...line, value: Number(line.value) + extra };
  });
}

/** The same without what it had counted at its first look. */
export function fromZero(looks: readonly Recorded[], start: number): Recorded[] {
  const first = new Map<string, number>();
  editPage(looks[0]?.metrics?.body ?? '', (line) => {
    first.set(idOf(line), Number(line.value));
    return line;
  });
  return editLooks(looks, (line) => {
    if (isStart(line)) return { ...line, value: start };
    return isCounter(line) ? { ...line, value: Number(line.value) - (first.get(idOf(line)) ?? 0) } : line;
  });
}
