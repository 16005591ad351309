// An OpenID provider for tests: `node provider.mjs '{"port": 3000, "redirect_uri": "https://…", "client_secret": "…"}'`.
// Everybody who types a login is that account, with the parts of it as roles: `ada-admin`. Its own pages for signing in and consenting are the library's.
import { Provider } from 'oidc-provider';

const { port, redirect_uri, client_secret } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: 'cds server', client_secret, redirect_uris: [redirect_uri] }],
  claims: { openid: ['sub'], profile: ['name', 'roles'], email: ['email'] },
  cookies: { keys: ['for tests only'] },
  findAccount: (_ctx, accountId) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      name: `Name of ${accountId}`,
      email: `${accountId}@customers.example`,
      roles: accountId.split('-'),
    }),
  }),
});

provider.listen(port, '127.0.0.1', () => console.log('ready'));
