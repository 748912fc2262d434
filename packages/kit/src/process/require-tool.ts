import { OpsError } from '../errors.ts';
import { findTool, type ToolName } from './tools.mjs';

/** Path of an executable that a task cannot do without (exit 2). */
export function requireTool(name: ToolName): string {
  const path = findTool(name);
  if (path) return path;
  throw new OpsError({
    code: 'TOOL_MISSING',
    message: `${name} is not installed on this machine.`,
    hint: 'Install what is missing: npm run prepare-machine',
    exit: 2,
  });
}
