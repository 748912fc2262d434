import { ciSchema } from './ci.ts';

/** What is asked before a release, and who is told of it. */
export const checksShape = {
  ci: ciSchema.prefault({}).describe('Who says that the tests of a commit passed.'),
};
