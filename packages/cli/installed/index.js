/** Identity, for types while writing. The check happens when a task loads the file. */
export function defineConfig(config) {
  return config;
}
