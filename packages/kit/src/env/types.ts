import type { EnvName } from '../config/schema.ts';
import type { Finding } from '../finding.ts';
import type { Hint } from '../hint.ts';
import type { Secret } from '../secret.ts';
import type { Audience } from './audience.ts';

/** Where a value came from. The shell wins over every file. */
export type VariableSource = { kind: 'shell' } | { kind: 'file'; file: string; line: number };

/** The variables of one deployment environment. Reading one checks it; what is wrong is a usage error (exit 2). */
export interface Environment {
  readonly name: EnvName;
  /** The value, checked against its declared kind; undefined when it is not set or empty. */
  get(name: string): string | undefined;
  /** As `get`, but not being set is an error that says where it was looked for and what it looks like, or `hint`. */
  require(name: string, hint?: Hint): string;
  secret(name: string): Secret;
  has(name: string): boolean;
  sourceOf(name: string): VariableSource | undefined;
  /** Some env file has it, also where the shell's value wins. */
  isInFile(name: string): boolean;
  /** What of its files was not read, or not as it was probably meant, by file and line. */
  notes(): Finding[];
  /** Advice on a variable that is missing, and where to see those notes if there are any. */
  withNotes(advice: string): Hint;
  /** Of every variable that is set, in files and in the shell. */
  readonly names: readonly string[];
  /** Where one was looked for that is not set, or what hides it, for the end of a sentence. */
  sought(name: string): string;
  /** Names of the files looked in, as a sentence lists them. */
  readonly looked: string;
  /** The files looked in, lowest precedence first; those that do not exist too. */
  readonly files: { path: string; exists: boolean }[];
  /**
   * What a child process gets of the files' values and the shell's: all for an operator's; the product's alone for the product, and none of the
   * shell's that nobody has declared and whose name says that it opens something; for a build what says that it is for one, and the machine's.
   */
  forChild(whose: Audience): Record<string, string>;
  /** Reads its files again, in place: a rotation has changed them. The shell is the one that it was loaded with. */
  reread(): void;
  /** Variables of the shell that the product does not get for want of a declaration. */
  readonly undeclared: readonly string[];
}
