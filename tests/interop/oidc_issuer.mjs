// A real OpenID Connect issuer (npm's oidc-provider) in which everybody signs in as who they say (login_hint).
// Run by test_oauth.py: node oidc_issuer.mjs FOLDER-OF-PACKAGES PORT KEY CERTIFICATE FORMAT; prints "ready".
import { createServer } from 'node:https';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, port, key, certificate, format] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const issuer = `https://localhost:${port}`;
const jwk = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomUUID() };

const provider = new Provider(issuer, {
    clients: [
        { client_id: 'mail-program', application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: ['http://127.0.0.1/back'] },
        { client_id: 'postroom', client_secret: 'the:secret of/postroom', grant_types: [], response_types: [], redirect_uris: [] },
    ],
    jwks: { keys: [jwk] },
    cookies: { keys: [randomUUID()] },
    scopes: ['openid', 'mail'],
    extraTokenClaims: (ctx, token) => ({ email: token.accountId, email_verified: !token.accountId.startsWith('unverified') }),
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    ttl: { AccessToken: 600, Grant: 600, Interaction: 600, Session: 600, IdToken: 600 },
    features: {
        devInteractions: { enabled: false },
        introspection: { enabled: true, allowedPolicy: () => true },
        revocation: { enabled: true, allowedPolicy: () => true },
        resourceIndicators: {
            enabled: format === 'jwt',
            defaultResource: (ctx, client, oneOf) => oneOf ? oneOf[0] : 'urn:mail',
            useGrantedResource: () => true,
            getResourceServerInfo: (ctx, resource) => ({ scope: 'mail', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
        },
    },
});

async function interact(request, response) {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login') return provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope('openid mail');
    grant.addResourceScope(params.resource || 'urn:mail', 'mail');
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

const handle = provider.callback();
createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    if (!request.url.startsWith('/interaction/')) return handle(request, response);
    return interact(request, response).catch(error => { response.statusCode = 500; response.end(String(error)); });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
