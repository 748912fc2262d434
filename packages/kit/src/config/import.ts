import { type RegisterHooksOptions, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { DEFINED_IN } from './define.ts';

/** What a config may import of ours, whether it is installed in the product or not. */
const OURS = ['drydock', '@drydock/kit'];

/** A stranger's package.json may say "type": "commonjs" (`npm init` does), or nothing: a config is a module all the same. */
export async function importConfig(file: string): Promise<{ default?: unknown }> {
  const { href } = pathToFileURL(file);
  const hooks = registerHooks({
    resolve,
    load: (url, context, next) => next(url, url === href ? { ...context, format: 'module-typescript' } : context),
  });
  try {
    return await import(href);
  } finally {
    hooks.deregister();
  }
}

const resolve: RegisterHooksOptions['resolve'] = (specifier, context, next) => {
  try {
    return next(specifier, context);
  } catch (error) {
    if (!OURS.includes(specifier)) throw error;
    return { url: pathToFileURL(DEFINED_IN).href, shortCircuit: true };
  }
};
