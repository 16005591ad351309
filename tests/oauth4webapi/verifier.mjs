// A resource server with the npm library oauth4webapi, which verifies JWT access tokens as RFC 9068 section 4 demands.
//
//   node verifier.mjs ISSUER TOKEN...
//
// The claims of each token, or the code of the refusal, go to standard output as one JSON array.

import * as oauth from 'oauth4webapi'

const [issuer, tokens] = [new URL(process.argv[2]), process.argv.slice(3)]
const options = { [oauth.allowInsecureRequests]: true } // plain http, because the server of the test is on loopback

const response = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
const as = await oauth.processDiscoveryResponse(issuer, response)
console.log(JSON.stringify(await Promise.all(tokens.map(claims))))

async function claims(token) {
  const request = new Request('https://data.example/', { headers: { authorization: `Bearer ${token}` } })
  try {
    return await oauth.validateJwtAccessToken(as, request, as.issuer, options)
  } catch (error) {
    return { refused: error.code ?? error.cause?.code ?? error.name }
  }
}
