import type { InitPlan } from './plan.ts';

/** For a person: what was seen, what is there, and each file with what it gets. */
export function describeInit({ found, files, there }: InitPlan): string[] {
  const wide = Math.max(...found.map(({ what }) => what.length));
  return [
    ...found.map(({ what, value, seenIn }) => `${what.padEnd(wide)}  ${value}${seenIn ? `   (${seenIn})` : ''}`),
    ...(there.length > 0 ? ['', `There already, and left as it is: ${there.join(', ')}`] : []),
    ...files.flatMap(({ path, before, adds }) => [
      '',
      before === null ? path : `${path} gets`,
      ...(path.endsWith('.example')
        ? [`  ${adds.filter((line) => /^(# )?\w+=/.test(line)).length} variables, each with what it is for`]
        : adds.map((line) => `  ${line}`)),
    ]),
  ];
}
