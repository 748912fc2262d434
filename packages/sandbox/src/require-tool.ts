import { OpsError } from '@drydock/kit';
import { findTool, type ToolName } from './tools.mjs';

export function requireTool(name: ToolName): string {
  const path = findTool(name);
  if (path) return path;
  throw new OpsError({
    code: 'TOOL_MISSING',
    message: `${name} is not installed on this machine.`,
    hint: 'Install what the sandbox needs: npm run prepare-machine',
    exit: 2,
  });
}
