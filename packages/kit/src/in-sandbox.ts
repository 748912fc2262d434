import { command, type Hint, hint } from './hint.ts';
import { INSTALLED } from './toolkit.ts';

/** The end of a sentence; a product that has the toolkit installed has no sandbox. */
export const IN_SANDBOX: Hint = INSTALLED ? '' : hint` In the sandbox: ${command('sandbox:up')}`;
