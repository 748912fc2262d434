import { defineStep, OpsError, type Step, type StepContext, toOpsError } from '@drydock/kit';
import type { Artifact, ArtifactStore } from '../artifact/types.ts';
import { type Git, gitIn, REMOTE_WITHIN_MS } from './git.ts';
import type { VersionPlan } from './plan.ts';

interface Tagging {
  root: string;
  commit: string;
  version: VersionPlan;
  /** Who tags, where git does not know. */
  actor: string;
  built: Step<Artifact>;
  store: ArtifactStore;
}

/** The commit is tagged once it is built: a tag in the clone, one at the remote, and the name in the artefact's record. */
export function tagSteps(tagging: Tagging): { nodes: Step[]; named: Step<Artifact> } {
  const { version, built, store } = tagging;
  const named = defineStep<Artifact>({
    name: 'name the artefact',
    run: ({ results, signal }) => store.tagged(results.of(built), version.tag, version.changelog, signal),
  });
  return { nodes: [tagStep(tagging), ...(version.remote ? [pushStep(tagging, version.remote)] : []), named], named };
}

function tagStep({ root, commit, version: { tag, changelog }, actor }: Tagging): Step {
  return defineStep({
    name: 'tag the commit',
    check: async ({ signal }) => ((await commitOf(gitIn(root, signal), tag)) === commit ? { tag } : undefined),
    async run({ signal }) {
      const git = gitIn(root, signal);
      const known = (await git(['var', 'GIT_COMMITTER_IDENT'], { okCodes: [128] })).code === 0;
      const who = known ? [] : ['-c', `user.name=${actor}`, '-c', 'user.email='];
      // A line that begins with # is a heading here.
      const args = ['tag', '--annotate', '--cleanup=whitespace', '--file=-', tag, commit];
      await git([...who, ...args], { input: `${tag}\n\n${changelog}\n` });
      return { tag };
    },
    async undo({ signal }) {
      await gitIn(root, signal)(['tag', '--delete', tag], { okCodes: [1] });
    },
  });
}

function pushStep({ root, commit, version: { tag } }: Tagging, remote: string): Step {
  const there = async ({ signal }: StepContext) => {
    const args = ['ls-remote', '--tags', remote, `refs/tags/${tag}`, `refs/tags/${tag}^{}`];
    const { stdout } = await gitIn(root, signal)(args, { signal: within(signal) });
    return stdout.includes(commit);
  };
  return defineStep({
    name: `push the tag to ${remote}`,
    check: async (step) => ((await there(step)) ? { remote } : undefined),
    async run({ signal }) {
      try {
        await gitIn(root, signal)(['push', '--quiet', remote, `refs/tags/${tag}`], { signal: within(signal) });
      } catch (thrown) {
        signal.throwIfAborted();
        throw notPushed(tag, remote, thrown);
      }
      return { remote };
    },
  });
}

function notPushed(tag: string, remote: string, thrown: unknown): OpsError {
  const said = toOpsError(thrown).message;
  const exists = /already exists|would clobber/.test(said);
  return new OpsError({
    code: exists ? 'TAG_EXISTS' : 'TAG_NOT_PUSHED',
    message: exists
      ? `Somebody has pushed a tag ${tag} to ${remote} meanwhile.`
      : `The tag ${tag} could not be pushed to ${remote}: ${said.trim().split('\n').at(-1)}`,
    hint: exists ? `Fetch it and take another version: git fetch --tags ${remote}` : undefined,
    cause: thrown,
  });
}

async function commitOf(git: Git, tag: string): Promise<string> {
  return (
    await git(['rev-parse', '--verify', '--quiet', `refs/tags/${tag}^{commit}`], { okCodes: [1, 128] })
  ).stdout.trim();
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(REMOTE_WITHIN_MS)]);
}
