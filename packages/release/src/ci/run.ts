import { exec, findTool, OpsError } from '@drydock/kit';

interface Around {
  root: string;
  env: Record<string, string>;
  signal: AbortSignal;
  onLine(line: string): void;
}

/** Runs the product's tests in the checkout. That they fail is an answer; that they could not be started is an error. */
export async function runTests(command: string[], around: Around): Promise<{ ok: boolean; says: string }> {
  const [program = '', ...args] = command;
  const path = program === 'node' ? process.execPath : (findTool(program as never) ?? program);
  const { root, env, signal, onLine } = around;
  const line = command.join(' ');
  try {
    await exec(path, args, { cwd: root, env: { ...env, CI: 'true' }, signal, onLine });
    return { ok: true, says: `${line} passed` };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof OpsError) || error.code !== 'COMMAND_FAILED' || error.message.includes('exit code 127'))
      throw error;
    return { ok: false, says: `${line} failed` };
  }
}
