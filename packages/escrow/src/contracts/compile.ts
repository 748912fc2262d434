import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** What the compiler knows of what the sources say of themselves (NatSpec). */
interface Words {
  notice?: string;
  details?: string;
  params?: Record<string, string>;
  returns?: Record<string, string>;
}
type Told = Record<'methods' | 'events' | 'errors', Record<string, Words | Words[]> | undefined>;

export interface Docs {
  user: Told;
  dev: Told;
  /** Names of what the source itself declares, and of those its public variables: the rest is inherited. */
  own: string[];
  variables: string[];
}

export interface ContractArtifact {
  contractName: string;
  abi: unknown[];
  bytecode: `0x${string}`;
  /** Version of the compiler. */
  solc: string;
}

export interface Compiled extends ContractArtifact {
  docs: Docs;
}

interface Declared {
  nodeType: string;
  name: string;
  nodes?: Declared[];
  visibility?: string;
  kind?: string;
}

interface SolcOutput {
  errors?: { severity: string; formattedMessage: string }[];
  sources: Record<string, { ast: { nodes: Declared[] } }>;
  contracts: Record<
    string,
    Record<string, { abi: unknown[]; evm: { bytecode: { object: string } }; userdoc: Told; devdoc: Told }>
  >;
}

/** Compiles every .sol of a folder; imports of @openzeppelin come from node_modules. Throws with the compiler's words. */
export async function compileContracts(folder: string): Promise<Compiled[]> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sol'))
    .sort();
  return compileSources(
    Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')])),
    folder,
  );
}

/** The same for texts by file name; relative imports come from `folder`. */
export async function compileSources(texts: Record<string, string>, folder: string): Promise<Compiled[]> {
  const { default: solc } = await import('solc');
  const files = Object.keys(texts);
  const sources = Object.fromEntries(files.map((name) => [name, { content: texts[name] ?? '' }]));
  const input = {
    language: 'Solidity',
    sources,
    settings: {
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 200 },
      // Without the metadata hash the bytecode depends on nothing but the code.
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { '': ['ast'], '*': ['abi', 'evm.bytecode.object', 'userdoc', 'devdoc'] } },
    },
  };
  const resolver = createRequire(join(import.meta.dirname, 'compile.ts'));
  const findImport = (path: string) => ({
    contents: readFileSync(path.startsWith('@') ? resolver.resolve(path) : join(folder, path), 'utf8'),
  });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport })) as SolcOutput;
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  return files.flatMap((file) =>
    Object.entries(output.contracts[file] ?? {}).map(([contractName, { abi, evm, userdoc, devdoc }]) => ({
      contractName,
      abi,
      bytecode: `0x${evm.bytecode.object}` as const,
      solc: solc.version(),
      docs: { user: userdoc, dev: devdoc, ...declared(output.sources[file]?.ast.nodes ?? [], contractName) },
    })),
  );
}

function declared(nodes: Declared[], contractName: string): Pick<Docs, 'own' | 'variables'> {
  const own =
    nodes.find(({ nodeType, name }) => nodeType === 'ContractDefinition' && name === contractName)?.nodes ?? [];
  return {
    own: own.map(({ name, kind }) => name || (kind ?? '')),
    variables: own.filter(({ nodeType }) => nodeType === 'VariableDeclaration').map(({ name }) => name),
  };
}
