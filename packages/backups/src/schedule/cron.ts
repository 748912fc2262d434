/** Values of one field, ascending; `any` if it is `*`. */
export interface CronField {
  values: number[];
  any: boolean;
}

export interface CronFields {
  minute: CronField;
  hour: CronField;
  dayOfMonth: CronField;
  month: CronField;
  /** 0 is Sunday. */
  dayOfWeek: CronField;
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

interface Range {
  name: string;
  min: number;
  max: number;
  names?: string[];
}

/**
 * The five fields that cron, Kubernetes and GitHub read alike: numbers, names, lists, ranges, steps. What they read
 * differently (`@daily`, 7 for Sunday, `5/15`) is refused. Throws an Error whose message completes a sentence.
 */
export function parseCron(expression: string): CronFields {
  const texts = expression.trim().split(/\s+/);
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = texts;
  if (texts.length !== 5)
    throw new Error(
      `"${expression}" must be five fields (minute, hour, day of the month, month, weekday), such as 17 2 * * *`,
    );
  const fields = {
    minute: readField(minute, { name: 'minute', min: 0, max: 59 }),
    hour: readField(hour, { name: 'hour', min: 0, max: 23 }),
    dayOfMonth: readField(dayOfMonth, { name: 'day of the month', min: 1, max: 31 }),
    month: readField(month, { name: 'month', min: 1, max: 12, names: MONTHS }),
    dayOfWeek: readField(dayOfWeek, { name: 'weekday', min: 0, max: 6, names: WEEKDAYS }),
  };
  refuseUnclearDays(expression, dayOfMonth, dayOfWeek);
  refuseNever(expression, fields);
  return fields;
}

function readField(text: string, range: Range): CronField {
  const values = new Set(text.split(',').flatMap((part) => readPart(part, range)));
  return { values: [...values].sort((a, b) => a - b), any: text === '*' };
}

function readPart(part: string, range: Range): number[] {
  const [, from = '', to, step = '1'] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? [];
  const single = from !== '*' && to === undefined;
  if (from === '' || (from === '*' && to !== undefined) || (single && part.includes('/')) || Number(step) === 0)
    throw new Error(`"${part}" is no ${range.name}: it takes *, 5, 1-5, */5, 1-30/5 and lists of these`);
  const first = from === '*' ? range.min : readValue(from, range);
  const last = from === '*' ? range.max : to === undefined ? first : readValue(to, range);
  if (last < first) throw new Error(`${range.name} ${part} runs backwards; write it as two ranges`);
  const values: number[] = [];
  for (let value = first; value <= last; value += Number(step)) values.push(value);
  return values;
}

function readValue(text: string, { name, min, max, names = [] }: Range): number {
  const named = names.indexOf(text.toUpperCase());
  const value = named >= 0 ? named + min : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const range = names.length > 0 ? `${min} to ${max} or ${names[0]} to ${names.at(-1)}` : `${min} to ${max}`;
  throw new Error(`${name} ${text} is not from ${range}`);
}

/** Two day fields mean "either", except that some crons read a field that begins with `*` as "both". */
function refuseUnclearDays(expression: string, dayOfMonth: string, dayOfWeek: string): void {
  if (dayOfMonth === '*' || dayOfWeek === '*' || !(dayOfMonth + dayOfWeek).includes('*')) return;
  throw new Error(`"${expression}" limits both kinds of day and one by *, which schedulers read differently`);
}

function refuseNever(expression: string, { dayOfMonth, month, dayOfWeek }: CronFields): void {
  if (!dayOfWeek.any) return;
  const first = dayOfMonth.values[0] ?? 1;
  if (month.values.some((value) => first <= (DAYS_OF_MONTH[value - 1] ?? 0))) return;
  throw new Error(`"${expression}" never comes: no month it names has a day ${first}`);
}
