import { EXIT, OpsError } from './errors.ts';
import { type Hint, hint } from './hint.ts';

/** Each of these, or all that is wrong with them in one refusal: whoever sets something up is told everything at once. */
export function together<const T extends readonly (() => unknown)[]>(
  parts: T,
): { -readonly [K in keyof T]: T[K] extends () => infer R ? R : never } {
  const errors: OpsError[] = [];
  const values = parts.map((part) => {
    try {
      return part();
    } catch (thrown) {
      if (!(thrown instanceof OpsError)) throw thrown;
      errors.push(thrown);
      return undefined;
    }
  });
  if (errors.length > 0) throw errors.length === 1 ? errors[0] : joined(errors);
  return values as ReturnType<typeof together<T>>;
}

function joined(errors: readonly OpsError[]): OpsError {
  const [first] = errors;
  const hints = errors.flatMap((error) => (error.hint === undefined ? [] : [error.hint]));
  return new OpsError({
    code: errors.every(({ code }) => code === first?.code) ? (first?.code ?? '') : 'SEVERAL_THINGS_WRONG',
    message: `${errors.length} things are wrong. ${errors.map(({ message }) => message).join(' ')}`,
    hint: hints.reduce<Hint>((all, one) => (all === '' ? one : hint`${all}   ${one}`), ''),
    exit: errors.every(({ exit }) => exit === EXIT.usage) ? EXIT.usage : (first?.exit ?? EXIT.failed),
    findings: errors.map(({ code, message, hint: own }) => ({ level: 'error', code, message, hint: own })),
  });
}
