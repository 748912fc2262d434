import type { Environment, LoadedConfig } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import { releaseConfig } from '../config.ts';
import type { Progress } from '../driver/types.ts';
import { imageQuestions, pushedImage } from '../image/push.ts';
import type { Question } from '../question.ts';

/** Where the machines of a swarm get an artefact from. */
export interface Images {
  questions(): Question[];
  /** By digest; made and pushed where the registry has none yet. */
  of(artifact: Artifact, progress: Progress): Promise<string>;
  /** What machines show the registry (`X-Registry-Auth`, Docker Engine API, "Authentication"); undefined where they come as nobody. */
  readonly auth: string | undefined;
}

export function registryImages(config: LoadedConfig, environment: Environment): Images {
  const { repository = '', user, password } = releaseConfig(config).image;
  return {
    questions: () => imageQuestions(config),
    of: (artifact, progress) => pushedImage({ config, environment, artifact, ...progress }),
    get auth() {
      const username = environment.get(user);
      if (!username || !environment.has(password)) return undefined;
      const [serveraddress] = repository.split('/');
      const known = { username, password: environment.secret(password).reveal(), serveraddress };
      return Buffer.from(JSON.stringify(known)).toString('base64url');
    },
  };
}
