import { exec } from '@drydock/kit';

/** A remote that is slow is as one that is away. */
export const REMOTE_WITHIN_MS = 30_000;

export type Git = (
  args: string[],
  options?: { okCodes?: number[]; input?: string; signal?: AbortSignal },
) => Promise<{ stdout: string; stderr: string; code: number }>;

/** git in a clone; it asks nobody for a password, and answers in English. */
export function gitIn(root: string, signal: AbortSignal): Git {
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' };
  return (args, options = {}) => exec('git', args, { cwd: root, env, signal, ...options });
}
