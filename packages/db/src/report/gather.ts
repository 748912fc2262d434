import type { Finding } from '@drydock/kit';
import type { Hazard } from '../hazards/types.ts';

/** So many of one kind are read one by one. */
const FEW = 5;

/**
 * For a person: where a rehearsal of hundreds finds the same of hundreds, it is said once, and of which. Errors are told one by one, for each has to
 * be taken on or mended. `--json` has all of them, with their recipes.
 */
export function gathered(findings: (Finding | Hazard)[]): Finding[] {
  const kinds = new Map<string, Finding[]>();
  for (const finding of findings) kinds.set(kindOf(finding), [...(kinds.get(kindOf(finding)) ?? []), finding]);
  return findings.flatMap((finding) => {
    const [first = finding, ...others] = kinds.get(kindOf(finding)) ?? [];
    if (finding.level === 'error' || others.length < FEW) return [finding];
    return finding === first ? [inOne(first, others)] : [];
  });
}

const kindOf = ({ level, code }: Finding) => `${level} ${code}`;

function inOne({ level, code, message, hint, recipe }: Finding, others: Finding[]): Finding {
  const names = [...new Set(others.map(nameOf))].join(', ');
  return {
    ...{ level, code, hint },
    message: `${message} ${others.length} more of this kind: ${names}.`,
    ...(recipe ? { recipe: ['-- the first of them; --json has a recipe for each', ...recipe] } : {}),
  };
}

function nameOf(finding: Finding): string {
  if (finding.about !== undefined) return finding.about;
  const { migration, line } = finding as Partial<Hazard>;
  return migration === undefined ? finding.message.replace(/[.:].*$/s, '') : `${migration}:${line}`;
}
