// A client's first minutes with the npm library oauth4webapi, which is strict about every answer and is used as it comes.
//
//   node client.mjs ISSUER SCOPE
//
// SCOPE is registered beside cds_client_admin; its Client Object is found over the CDS APIs and gets tokens as well.
// What happened goes to standard output as one JSON object; the first answer that the library refuses ends it with 1.

import * as oauth from 'oauth4webapi'

const [issuer, scope] = [new URL(process.argv[2]), process.argv[3]]
const options = { [oauth.allowInsecureRequests]: true } // plain http, because the server of the test is on loopback

const as = await discover()
const registered = await register()
const admin = { client: { client_id: registered.client_id }, secret: registered.client_secret }
const adminToken = await token(admin, { scope: 'cds_client_admin' })
const other = await clientObjectOf(scope)
const otherToken = await token(other, {})
const report = {
  issuer: as.issuer,
  registered,
  adminToken,
  otherToken,
  clientId: other.client.client_id,
  introspected: await introspect(other, otherToken.access_token),
  introspectedWithHint: await introspect(admin, adminToken.access_token, { token_type_hint: 'access_token' }),
  introspectedNonsense: await introspect(admin, 'nonsense'),
  wrongSecret: await refusal(() => token({ ...admin, secret: `${admin.secret}x` }, {})),
  wrongScope: await refusal(() => token(other, { scope: 'cds_client_admin' })),
}
await revoke(other, otherToken.access_token)
await revoke(other, otherToken.access_token) // a second time is fine (RFC 7009 2.2)
await revoke(admin, adminToken.access_token, { token_type_hint: 'access_token' })
report.introspectedRevoked = await introspect(other, otherToken.access_token)
report.usedRevoked = await refusal(() => get(as.cds_clients_api, adminToken.access_token))
console.log(JSON.stringify(report))

async function discover() {
  const response = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
  return oauth.processDiscoveryResponse(issuer, response)
}

async function register() {
  const metadata = {
    client_name: 'Strict Energy Apps',
    client_uri: 'https://apps.example/',
    contacts: ['ops@apps.example'],
    scope: `cds_client_admin ${scope}`,
  }
  const response = await oauth.dynamicClientRegistrationRequest(as, metadata, options)
  return oauth.processDynamicClientRegistrationResponse(response)
}

async function token({ client, secret }, parameters) {
  const authentication = oauth.ClientSecretBasic(secret)
  const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, options)
  return oauth.processClientCredentialsResponse(as, client, response)
}

async function introspect({ client, secret }, accessToken, additionalParameters) {
  const authentication = oauth.ClientSecretBasic(secret)
  const parameters = { ...options, additionalParameters }
  const response = await oauth.introspectionRequest(as, client, authentication, accessToken, parameters)
  return oauth.processIntrospectionResponse(as, client, response)
}

async function revoke({ client, secret }, accessToken, additionalParameters) {
  const authentication = oauth.ClientSecretBasic(secret)
  const parameters = { ...options, additionalParameters }
  const response = await oauth.revocationRequest(as, client, authentication, accessToken, parameters)
  return oauth.processRevocationResponse(response)
}

async function get(url, accessToken) {
  const response = await oauth.protectedResourceRequest(accessToken, 'GET', new URL(url), undefined, undefined, options)
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return response.json()
}

async function clientObjectOf(wanted) {
  const { clients } = await get(as.cds_clients_api, adminToken.access_token)
  const { client_id } = clients.find((each) => each.scope === wanted)
  const { credentials } = await get(`${as.cds_credentials_api}?client_ids=${client_id}`, adminToken.access_token)
  return { client: { client_id }, secret: credentials[0].client_secret }
}

// What the library makes of a refusal: the OAuth error of the body, or the challenge of the header.
async function refusal(attempt) {
  try {
    await attempt()
    return { refused: false }
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) {
      return { refused: true, status: error.status, error: error.error }
    }
    if (error instanceof oauth.WWWAuthenticateChallengeError) {
      return { refused: true, status: error.status, challenges: error.cause }
    }
    throw error
  }
}
