import { slugOf } from '@drydock/kit';

/** An image as it is pulled: `registry.example/shop:VERSION@sha256:…`. */
export interface ImageName {
  /** As it was given. */
  text: string;
  tag: string | undefined;
  digest: string | undefined;
}

const HOST = /(?:[A-Za-z0-9.-]+(?::\d+)?\/)?/.source;
const REPOSITORY = /[a-z0-9]+(?:[._/-]+[a-z0-9]+)*/.source;
const IMAGE = new RegExp(`^${HOST}${REPOSITORY}(?::(\\w[\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`);

/** Undefined where it is none. */
export function parseImage(text: string): ImageName | undefined {
  const found = IMAGE.exec(text);
  return found ? { text, tag: found[1], digest: found[2] } : undefined;
}

/** Names of Kubernetes for one environment of a product. */
export interface Names {
  /** `shop-production`. */
  instance: string;
  /** On everything of it. */
  labels: Record<string, string>;
  /** What a Deployment's pods are found by; it can never be changed. */
  selector: Record<string, string>;
}

export function namesOf(product: string, env: string): Names {
  const slug = slugOf(product);
  const instance = `${slug}-${env}`;
  return {
    instance,
    labels: { 'app.kubernetes.io/name': slug, 'app.kubernetes.io/instance': instance },
    selector: { 'app.kubernetes.io/instance': instance, 'app.kubernetes.io/component': 'web' },
  };
}
