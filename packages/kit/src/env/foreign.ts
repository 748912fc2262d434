import type { EnvName, ResolvedConfig, VariableSpec } from '../config/schema.ts';
import { EXIT, OpsError } from '../errors.ts';

/** What a place is told apart by: a server and what is in it, whoever logs in and with which options. */
const DEFAULT_PORTS: Record<string, string> = {
  'postgres:': '5432',
  'postgresql:': '5432',
  'redis:': '6379',
  'rediss:': '6379',
};
const PLACES: Partial<Record<VariableSpec['kind'], true>> = { postgres: true, redis: true, url: true };

/**
 * Refuses (exit 4) a value of the shell that is another environment's: the same secret, or an address that leads to the same
 * place, as the files of another environment hold it, where this environment's own files do not. `filesOf` gives the values
 * of an environment's files alone.
 */
export function refuseForeignValues(
  config: Pick<ResolvedConfig, 'environments' | 'variables'>,
  env: EnvName,
  shell: NodeJS.ProcessEnv,
  filesOf: (env: EnvName) => ReadonlyMap<string, { text: string }>,
): void {
  const own = filesOf(env);
  const others = Object.keys(config.environments).filter((name) => name !== env);
  const suspects = Object.entries(shell).flatMap(([name, value]) => {
    const meant = value ? meaningOf(value, config.variables[name]) : undefined;
    return meant === undefined ? [] : [{ name, meant }];
  });
  if (suspects.length === 0) return;
  for (const other of others) {
    const theirs = filesOf(other);
    for (const { name, meant } of suspects) {
      const spec = config.variables[name];
      const inFile = (values: ReadonlyMap<string, { text: string }>) => {
        const text = values.get(name)?.text;
        return text ? meaningOf(text, spec) : undefined;
      };
      if (inFile(theirs) !== meant || inFile(own) === meant) continue;
      throw new OpsError({
        code: 'VARIABLE_OF_ANOTHER_ENVIRONMENT',
        message: `${name} in the shell is ${other}'s value, and this would work on ${env}; nothing was started.`,
        hint: `Take it out of the shell: unset ${name}   Or say --env ${other} if that is what you mean.`,
        exit: EXIT.refused,
      });
    }
  }
}

/** What two values must share to mean the same thing; undefined for those that may well be the same everywhere. */
function meaningOf(text: string, spec: VariableSpec | undefined): string | undefined {
  const url = URL.parse(text);
  const place =
    url && (PLACES[spec?.kind ?? 'text'] || url.protocol in DEFAULT_PORTS) && url.host !== '' ? url : undefined;
  if (place?.protocol && place.protocol in DEFAULT_PORTS)
    return `${place.hostname}:${place.port || DEFAULT_PORTS[place.protocol]}${place.pathname}`;
  return place || spec?.secret ? text : undefined;
}
