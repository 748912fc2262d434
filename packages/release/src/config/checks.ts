import { checklistSchema } from './checklist.ts';
import { ciSchema } from './ci.ts';
import { freezeSchema } from './freeze.ts';
import { hotfixSchema } from './hotfix.ts';
import { notifySchema } from './notify.ts';

/** What is asked before a release, and who is told of it. */
export const checksShape = {
  ci: ciSchema.prefault({}).describe('Who says that the tests of a commit passed.'),
  freeze: freezeSchema.default([]).describe('When nothing is released. A hotfix goes through, and says so.'),
  checklist: checklistSchema
    .prefault({})
    .describe('The checklist before a release to customers (runbook, section 10).'),
  notify: notifySchema.prefault({}).describe('Who is told of a release: a webhook as Slack has it.'),
  hotfix: hotfixSchema.prefault({}).describe('What release:hotfix leaves out, and what it asks for.'),
};
