/**
 * Tokens of an old-style `auth-provider` of a kubeconfig: OpenID Connect, and the providers that client-go had before exec
 * plugins. The client library knows them.
 */
import { KubeConfig } from '@kubernetes/client-node';
import type { Entry } from './kubeconfig.ts';
import { oneLine } from './printable.ts';

/** @returns a function that asks the provider for a token; it throws KubeConfigError if there is none */
export function providerOf(user: Entry): () => Promise<string> {
  const config = new KubeConfig();
  const authProvider = user.raw('auth-provider');
  config.loadFromClusterAndUser({ name: '', server: 'https://', skipTLSVerify: false }, { name: '', authProvider });
  return async () => {
    const options: { headers?: Record<string, string> } = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw user.error(`its auth-provider gave no token: ${oneLine(error instanceof Error ? error.message : '')}`);
    }
    const token = options.headers?.Authorization?.replace(/^Bearer /, '').trim() ?? '';
    if (token === '') throw user.error('its auth-provider gave no token; use an exec plugin instead');
    return token;
  };
}
