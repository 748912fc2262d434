import { closest, type LoadedConfig, usageError } from '@drydock/kit';
import type { SecretConfig } from './config/rotate.ts';
import { secretsConfig } from './config.ts';

/** The secrets that were typed, or all that the config has; in the config's order. An unknown one is a usage error. */
export function secretsNamed(config: LoadedConfig, words: readonly string[]): string[] {
  const all = Object.keys(secretsConfig(config).rotate);
  for (const word of words) if (!all.includes(word)) throw unknownName(word, all);
  return words.length === 0 ? all : all.filter((name) => words.includes(name));
}

/** The one that was typed: a task that changes something wants exactly one. */
export function secretNamed(config: LoadedConfig, words: readonly string[]): string {
  const all = Object.keys(secretsConfig(config).rotate);
  const [word, ...more] = words;
  if (word === undefined || more.length > 0)
    throw usageError(
      'USAGE',
      `${more.length > 0 ? 'One secret at a time' : 'Which secret'}?`,
      `There are: ${all.join(', ') || 'none (secrets.rotate)'}.`,
    );
  if (!all.includes(word)) throw unknownName(word, all);
  return word;
}

export function secretOf(config: LoadedConfig, name: string): SecretConfig {
  const secret = secretsConfig(config).rotate[name];
  if (!secret) throw unknownName(name, Object.keys(secretsConfig(config).rotate));
  return secret;
}

function unknownName(word: string, all: readonly string[]) {
  const meant = closest(word, all);
  return usageError(
    'SECRET_UNKNOWN',
    `There is no secret "${word}".${meant ? ` Did you mean ${meant}?` : ''}`,
    `There are: ${all.join(', ') || 'none (secrets.rotate of the config)'}.`,
  );
}
