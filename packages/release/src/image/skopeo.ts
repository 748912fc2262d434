import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, exec, OpsError, requireTool, temporaryFolder, toOpsError } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';

export interface Registry {
  release: ReleaseConfig;
  environment: Environment;
}

/**
 * skopeo, known to the registry by the variables of the config, or else by what `docker login` left; a password never stands on the
 * command line.
 */
export async function skopeo(
  args: string[],
  { release: { image }, environment }: Registry,
  { host, okCodes = [], signal }: { host: string; okCodes?: number[]; signal: AbortSignal },
): Promise<{ stdout: string; stderr: string; code: number }> {
  const folder = mkdtempSync(join(temporaryFolder(), 'drydock-registry-'));
  try {
    const [user, password] = [environment.get(image.user), environment.has(image.password)];
    const { PATH, HOME, XDG_RUNTIME_DIR, REGISTRY_AUTH_FILE, SSL_CERT_FILE, SSL_CERT_DIR } = process.env;
    const env: NodeJS.ProcessEnv = { PATH, HOME, XDG_RUNTIME_DIR, REGISTRY_AUTH_FILE, SSL_CERT_FILE, SSL_CERT_DIR };
    if (user && password) {
      const auth = Buffer.from(`${user}:${environment.secret(image.password).reveal()}`).toString('base64');
      env.REGISTRY_AUTH_FILE = join(folder, 'auth.json');
      writeFileSync(env.REGISTRY_AUTH_FILE, JSON.stringify({ auths: { [host]: { auth } } }), { mode: 0o600 });
    }
    // What is copied is compared with its digest; who may have signed it is not this machine's to say.
    return await exec(requireTool('skopeo'), ['--insecure-policy', ...args], { env, okCodes, signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw refused(host, thrown);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function refused(host: string, thrown: unknown): OpsError {
  const error = toOpsError(thrown);
  if (error.code !== 'COMMAND_FAILED') return error;
  const said = /msg="((?:[^"\\]|\\.)*)"/.exec(error.message)?.[1]?.replaceAll('\\"', '"') ?? error.message;
  const denied = /unauthorized|denied|authentication required/i.test(said);
  return new OpsError({
    code: denied ? 'REGISTRY_REFUSED' : 'REGISTRY_FAILED',
    message: `The registry ${host} ${denied ? 'does not let us in' : 'does not do it'}: ${said.slice(0, 300)}`,
    hint: denied
      ? 'Set REGISTRY_USER and REGISTRY_PASSWORD (release.image.user, .password), or docker login.'
      : 'Is release.image.repository right, and the registry there? One that speaks plain HTTP wants release.image.insecure.',
    cause: thrown,
  });
}
