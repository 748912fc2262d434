/** Node has it; the types of the browser, which declare it, are not loaded here. */
declare namespace WebAssembly {
  class RuntimeError extends Error {}
  function instantiate(bytes: Uint8Array, imports: Record<string, never>): Promise<{ instance: { exports: object } }>;
}
