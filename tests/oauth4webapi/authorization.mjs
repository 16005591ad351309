// An application whose access a user authorizes, with the npm library oauth4webapi, which is strict about every answer
// and is used as it comes.
//
//   node authorization.mjs ISSUER REDIRECT_URI FIELDS
//
// FIELDS are the registration fields that the utility asks for, as JSON. It goes on in lines of JSON:
//   -> {"authorize": URL}          open this in a browser
//   <- {"callback": URL}           where the browser ended up
//   -> {"report": {...}}           what happened then
// The first answer that the library refuses ends it with 1.

import { createInterface } from 'node:readline'
import * as oauth from 'oauth4webapi'

const SCOPE = 'ple_customer_data'
const [issuer, redirectUri, fields] = [new URL(process.argv[2]), process.argv[3], JSON.parse(process.argv[4])]
const options = { [oauth.allowInsecureRequests]: true } // plain http, because the server of the test is on loopback
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const as = await discover()
const admin = await register()
const adminToken = await adminAccessToken()
const { client, authentication } = await clientObject()

const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
say({ authorize: await push() })
const callback = new URL((await hear()).callback)

const parameters = oauth.validateAuthResponse(as, client, callback, state)
const tokens = await exchange(parameters)
const refreshed = await refresh(tokens.refresh_token)
const report = {
  tokens,
  refreshed,
  introspected: await introspect(refreshed.access_token),
  introspectedRefreshToken: await introspect(refreshed.refresh_token, { token_type_hint: 'refresh_token' }),
  codeTwice: await refusal(() => exchange(parameters)),
  introspectedAfterReplay: await introspect(refreshed.access_token),
}
say({ authorize: await push() }) // once more, for tokens to revoke
const again = await exchange(oauth.validateAuthResponse(as, client, new URL((await hear()).callback), state))
await revoke(again.refresh_token, { token_type_hint: 'refresh_token' })
await revoke(again.refresh_token) // a second time is fine (RFC 7009 2.2)
report.introspectedRevoked = await introspect(again.access_token)
report.refreshRevoked = await refusal(() => refresh(again.refresh_token))
say({ report })
process.exit(0)

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function hear() {
  const { value } = await lines.next()
  return JSON.parse(value)
}

async function discover() {
  const response = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
  return oauth.processDiscoveryResponse(issuer, response)
}

async function register() {
  const metadata = { client_name: 'Strict Energy Apps', scope: `cds_client_admin ${SCOPE}`, ...fields }
  const response = await oauth.dynamicClientRegistrationRequest(as, metadata, options)
  return oauth.processDynamicClientRegistrationResponse(response)
}

async function adminAccessToken() {
  const authenticated = oauth.ClientSecretBasic(admin.client_secret)
  const scope = { scope: 'cds_client_admin' }
  const response = await oauth.clientCredentialsGrantRequest(as, admin, authenticated, scope, options)
  return (await oauth.processClientCredentialsResponse(as, admin, response)).access_token
}

// The Client Object for the scope, its secret, and its redirect URI set to ours.
async function clientObject() {
  const { clients } = await call('GET', as.cds_clients_api)
  const found = clients.find((each) => each.scope === SCOPE)
  const { credentials } = await call('GET', `${as.cds_credentials_api}?client_ids=${found.client_id}`)
  await call('PUT', found.cds_client_uri, { ...found, redirect_uris: [...found.redirect_uris, redirectUri] })
  const authentication = oauth.ClientSecretBasic(credentials[0].client_secret)
  return { client: { client_id: found.client_id }, authentication }
}

async function call(method, url, body) {
  const headers = new Headers(body ? { 'content-type': 'application/json' } : {})
  const sent = body ? JSON.stringify(body) : undefined
  const response = await oauth.protectedResourceRequest(adminToken, method, new URL(url), headers, sent, options)
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${await response.text()}`)
  return response.json()
}

async function push() {
  const request = {
    response_type: 'code',
    redirect_uri: redirectUri,
    state,
    authorization_details: JSON.stringify([{ type: SCOPE, interval: 'monthly' }]),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  const response = await oauth.pushedAuthorizationRequest(as, client, authentication, request, options)
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, response)
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({ client_id: client.client_id, request_uri })
  return url.href
}

async function exchange(received) {
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    authentication,
    received,
    redirectUri,
    verifier,
    options,
  )
  return oauth.processAuthorizationCodeResponse(as, client, response)
}

async function refresh(refreshToken) {
  const response = await oauth.refreshTokenGrantRequest(as, client, authentication, refreshToken, options)
  return oauth.processRefreshTokenResponse(as, client, response)
}

async function introspect(token, additionalParameters) {
  const more = { ...options, additionalParameters }
  const response = await oauth.introspectionRequest(as, client, authentication, token, more)
  return oauth.processIntrospectionResponse(as, client, response)
}

async function revoke(token, additionalParameters) {
  const response = await oauth.revocationRequest(as, client, authentication, token, { ...options, additionalParameters })
  return oauth.processRevocationResponse(response)
}

// What the library makes of a refusal.
async function refusal(attempt) {
  try {
    await attempt()
    return { refused: false }
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) {
      return { refused: true, status: error.status, error: error.error }
    }
    throw error
  }
}
