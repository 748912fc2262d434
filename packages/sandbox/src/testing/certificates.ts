import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';

/** A certificate authority of a test's own, in a folder: `ca.crt`, and NAME.crt and NAME.key of what it signs. */
export interface Authority {
  /** Path of its certificate. */
  file: string;
  /** `names`: what a server is called (`IP:127.0.0.1`, `DNS:localhost`); a client is known by `common`. */
  sign(common: string, names?: string[]): { certFile: string; keyFile: string; cert: string; key: string };
}

export function makeAuthority(folder: string, name = 'ca'): Authority {
  const at = (file: string) => join(folder, file);
  const openssl = (...args: string[]) => execFileSync(requireTool('openssl'), args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at(`${name}.key`),
    '-out',
    at(`${name}.crt`),
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
  );
  return {
    file: at(`${name}.crt`),
    sign(common, names = []) {
      const [certFile, keyFile, request] = [at(`${common}.crt`), at(`${common}.key`), at(`${common}.csr`)];
      openssl('req', ...newKey, '-keyout', keyFile, '-out', request, '-subj', `/CN=${common}`);
      writeFileSync(at('names'), names.length > 0 ? `subjectAltName=${names.join(',')}\n` : '');
      openssl(
        'x509',
        '-req',
        '-in',
        request,
        '-CA',
        at(`${name}.crt`),
        '-CAkey',
        at(`${name}.key`),
        '-CAcreateserial',
        '-days',
        '2',
        '-out',
        certFile,
        '-extfile',
        at('names'),
      );
      return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    },
  };
}
