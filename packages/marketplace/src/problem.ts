import { ZodError } from 'zod';
import { Prisma } from '../generated/prisma/client.ts';
import { chainProblem } from './chain/problem.ts';
import { conflict, ProductError } from './errors.ts';

export interface Problem {
  status: number;
  code: string;
  message: string;
}

/** What an answer says of an error: a sentence for what a person did wrong, and nothing of our insides. */
export function describeProblem(thrown: unknown): Problem {
  if (thrown instanceof ZodError) return { status: 400, code: 'INVALID', message: zodSentence(thrown) };
  const error = chainProblem(thrown) ?? databaseProblem(thrown) ?? thrown;
  if (error instanceof ProductError) return { status: error.status, code: error.code, message: error.message };
  const { statusCode, message, code } = error as { statusCode?: number; message: string; code?: string };
  if (code?.startsWith('FST_CSRF'))
    return {
      status: 403,
      code: 'FORM_EXPIRED',
      message: 'This form has expired. Load its page again, and send it again.',
    };
  if (statusCode && statusCode < 500) return { status: statusCode, code: 'BAD_REQUEST', message };
  return { status: 500, code: 'INTERNAL', message: 'Something went wrong on our side.' };
}

/** Two requests at once can both find that nothing is there; the database lets one of them in (P2002). */
function databaseProblem(error: unknown): ProductError | undefined {
  const taken = error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
  return taken ? conflict('This is there already.') : undefined;
}

type Issue = ZodError['issues'][number];

/** `must have at least 10 characters`, to be put behind the name of the field. */
export function issueText(issue: Issue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  return issue.message.endsWith('received undefined') ? 'is missing' : `must be of type ${issue.expected}`;
}

function zodSentence({ issues }: ZodError): string {
  return issues.map((issue) => `${issue.path.join('.') || 'the body'} ${issueText(issue)}`).join('; ');
}
