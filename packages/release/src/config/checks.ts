import { checklistSchema } from './checklist.ts';
import { ciSchema } from './ci.ts';
import { freezeSchema } from './freeze.ts';

/** What is asked before a release, and who is told of it. */
export const checksShape = {
  ci: ciSchema.prefault({}).describe('Who says that the tests of a commit passed.'),
  freeze: freezeSchema.default([]).describe('When nothing is released. A hotfix goes through, and says so.'),
  checklist: checklistSchema
    .prefault({})
    .describe('The checklist before a release to customers (runbook, section 10).'),
};
