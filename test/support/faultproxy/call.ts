/**
 * What a request to the API server asks for, read off its method and path.
 */

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'other';

/** One request, without what differs from run to run. */
export interface ApiCall {
  readonly verb: Verb;
  /** Plural, with the subresource if there is one: `jwtkeyrotations/status`. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** Resources whose objects have the same name in every run, so that it may stand in a signature. */
const NAMED = new Set(['deployments']);
const VERBS: Readonly<Record<string, Verb>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** @param url path and query, as in the request line */
export function callOf(method: string, url: string): ApiCall {
  const { pathname, searchParams } = new URL(url, 'https://any');
  const parts = pathname.split('/').filter((part) => part !== '');
  // /api/v1/… or /apis/GROUP/VERSION/…
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const [scope, namespace] = rest;
  const inNamespace = scope === 'namespaces' && rest.length > 2;
  const [resource = pathname, name, subresource] = inNamespace ? rest.slice(2) : rest;
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  return {
    verb: method === 'GET' ? readOf(searchParams, name) : (VERBS[method] ?? 'other'),
    resource: whole,
    ...(inNamespace && namespace !== undefined ? { namespace } : {}),
    ...(name === undefined ? {} : { name }),
  };
}

function readOf(query: URLSearchParams, name: string | undefined): Verb {
  if (query.get('watch') === 'true' || query.get('watch') === '1') return 'watch';
  return name === undefined ? 'list' : 'get';
}

/** Such as `patch deployments main` or `create pods/eviction`. */
export function textOf({ verb, resource, name }: ApiCall): string {
  const named = name !== undefined && NAMED.has(resource);
  return named ? `${verb} ${resource} ${name}` : `${verb} ${resource}`;
}

/** Whether it may change something. */
export function isWrite({ verb }: ApiCall): boolean {
  return verb === 'create' || verb === 'update' || verb === 'patch' || verb === 'delete';
}
