import { z } from 'zod';
import { SignInFirst } from '../errors.ts';
import { describeProblem, issueText } from '../problem.ts';
import { parseEther } from './ether.ts';

export type Form = Record<string, string | string[] | undefined>;

/** Milestones come as two lists, amounts in ether as people write them; a row that is empty is left out. */
export function readJobForm(body: Form): object {
  const titles = listOf(body.milestoneTitle);
  const amounts = listOf(body.milestoneAmount);
  const milestones = titles
    .map((title, i) => ({ title, amount: parseEther(amounts[i] ?? '') }))
    .filter(({ title, amount }) => title.trim() || amount);
  return { title: body.title ?? '', description: body.description ?? '', milestones };
}

function listOf(value: string | string[] | undefined): string[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

/** What was wrong, by field; `form` is for all of it. Undefined when the form shown again would not help. */
export function formErrors(error: unknown): Record<string, string> | undefined {
  if (error instanceof z.ZodError)
    return Object.fromEntries(error.issues.map((issue) => [String(issue.path[0] ?? 'form'), fieldText(issue)]));
  const { status, message } = describeProblem(error);
  const helps = status < 500 && ![403, 404].includes(status) && !(error instanceof SignInFirst);
  return helps || status === 503 ? { form: message } : undefined;
}

/** Milestones are rows of one field: which row is said, and amounts are in ether here. */
function fieldText(issue: z.ZodError['issues'][number]): string {
  const [, row, field] = issue.path;
  if (typeof row !== 'number') return issueText(issue);
  if (field === 'amount') return `the amount of milestone ${row + 1} must be a number of ether, such as 0.25`;
  return `the title of milestone ${row + 1} ${issueText(issue)}`;
}
