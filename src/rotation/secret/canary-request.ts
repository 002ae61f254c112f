/** Builds the request that brings a token to a service. */
import { defined, ifDefined } from '../../base/objects.ts';
import { redactText } from '../../runtime/redact.ts';
import { type CanarySettings, type RequestForm, TOKEN_PLACE } from '../settings/canary-settings.ts';

/** One request, ready to be sent. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether to accept any certificate of the server. */
  readonly insecureSkipTLSVerify: boolean;
}

/** Replaces the token when a person sees the request. */
const HIDDEN_TOKEN = '<token>';

/** @returns the canary path of a pod, at the pod's own address */
export function canaryUrl(address: string, port: number, { scheme, path }: Pick<CanarySettings, 'scheme' | 'path'>) {
  return `${scheme.toLowerCase()}://${address.includes(':') ? `[${address}]` : address}:${port}${path}`;
}

/** @param token undefined for the same request without a token */
export function canaryRequest(url: string, form: RequestForm, token: string | undefined): HttpRequest {
  const { method, insecureSkipTLSVerify, body } = form;
  return {
    ...{ method, url, insecureSkipTLSVerify },
    headers: headersOf(form, token),
    ...defined({ body: ifDefined(body, (body) => body.replaceAll(TOKEN_PLACE, () => token ?? '')) }),
  };
}

function headersOf({ host, headers, body, contentType, token: place }: RequestForm, token: string | undefined) {
  const given = headers.map(({ name, value }) => [name.toLowerCase(), value] as const);
  return {
    ...Object.fromEntries([['user-agent', 'rekey-canary'], ...given]),
    ...defined({ host }),
    ...(body !== undefined && { 'content-type': contentType }),
    ...(token !== undefined && place.in === 'Cookie' && { cookie: `${place.name}=${token}` }),
    ...(token !== undefined &&
      place.in === 'Header' && { [place.name.toLowerCase()]: [place.prefix, token].filter(Boolean).join(' ') }),
  };
}

/**
 * @returns the request for people, a line for each header, with a placeholder for the token and without what looks like
 *   a key
 */
export function requestText(url: string, form: RequestForm): string {
  const { method, headers, body } = canaryRequest(url, form, HIDDEN_TOKEN);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return redactText([`${method} ${url}`, ...lines, ...(body === undefined ? [] : ['', body])].join('\n'));
}
