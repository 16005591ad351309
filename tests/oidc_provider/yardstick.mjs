// oidc-provider as it comes, in memory, as a yardstick of `make bench`: `node yardstick.mjs '{"port": 3000, "client_id": "…", "client_secret": "…"}'`.
// It keeps the newest thousand objects, so a token that is introspected should be newer than that.
import { Provider } from 'oidc-provider';

const { port, client_id, client_secret } = JSON.parse(process.argv[2]);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id, client_secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
  scopes: ['cds_client_admin'],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    registration: { enabled: true },
  },
  cookies: { keys: ['for measurements only'] },
});

provider.listen(port, '127.0.0.1', () => console.log('ready'));
