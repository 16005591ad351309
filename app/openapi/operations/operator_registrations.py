"""The operator API: registrations with their Client Objects, Credentials and Grants."""

from dataclasses import replace
from typing import Final

from app.domain.operators import ADMINISTERING, VIEWING
from app.errors import (
    AlreadyDecided,
    Conflict,
    InvalidAuthorizationDetails,
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidRequest,
    InvalidScope,
    KeyReused,
    NotFound,
)
from app.openapi.described import (
    IDEMPOTENCY_KEY,
    Answer,
    Body,
    Link,
    Operation,
    Operations,
    Parameter,
    Who,
    choice,
    cursor,
    in_path,
    listed,
)
from app.openapi.operations.grants import FILTERS
from app.openapi.shapes.operator import (
    ClientChange,
    CredentialExpiry,
    CredentialOf,
    Explanation,
    GrantChange,
    GrantDecision,
    NewGrant,
    OperatorClient,
    OperatorCredential,
    OperatorCredentialListing,
    OperatorGrant,
    OperatorGrantListing,
    OperatorRegistration,
    OperatorRegistrationDetails,
    RegistrationChange,
    RegistrationListing,
)
from app.schemas.registrations import RegistrationStatus

TAG: Final = "Operators: registrations"
API: Final = "/operator/api/v1"
SOURCE: Final = "the operator API of this server"

OF_REGISTRATION: Final = Parameter("registration_id", "Only those of this registration.")

_REGISTRATION: Final = in_path("registration_id", "The id of a registration.")
_CLIENT: Final = in_path("client_id", "The id of a Client Object.")
_CREDENTIAL: Final = in_path("credential_id", "The id of a Credential.")
_GRANT: Final = in_path("grant_id", "The id of a Grant.")
_SAME_REGISTRATION: Final = {"registration_id": "$response.body#/registration_id"}
_SAME_CLIENT: Final = {"client_id": "$response.body#/client_id"}
_SAME_CREDENTIAL: Final = {"credential_id": "$response.body#/credential_id"}
_SAME_GRANT: Final = {"grant_id": "$response.body#/grant_id"}
_FIRST_REGISTRATION: Final = {"registration_id": "$response.body#/registrations/0/registration_id"}
_FIRST_GRANT: Final = {"grant_id": "$response.body#/grants/0/grant_id"}

_REGISTRATIONS: Final[Operations] = {
    ("GET", f"{API}/registrations"): Operation(
        "listRegistrations",
        "Look for registrations",
        SOURCE,
        TAG,
        (Answer(200, "A page; of a search it may be short although there are more.", RegistrationListing),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(
            Parameter(
                "q",
                "Words that names, ids, contacts or registration field values begin with.",
                {"type": "string", "maxLength": 200},
            ),
            choice("status", "Only those of this status.", RegistrationStatus),
            Parameter("scope", "Only those that asked for this scope."),
            choice("onboarding", "Only those with, or without, a step that is not met.", ("true", "false")),
            cursor(),
        ),
        links=(Link("getRegistration", _FIRST_REGISTRATION),),
    ),
    ("GET", f"{API}/registrations/{{registration_id}}"): Operation(
        "getRegistration",
        "Read a registration with all that belongs to it",
        SOURCE,
        TAG,
        (Answer(200, "The registration.", OperatorRegistrationDetails),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_REGISTRATION,),
        refusals=(NotFound,),
        links=(
            Link("patchRegistration", _SAME_REGISTRATION),
            Link("postOperatorMessage", _SAME_REGISTRATION),
            Link("getOperatorClient", {"client_id": "$response.body#/clients/0/client_id"}),
            Link("listOperatorCredentials", _SAME_REGISTRATION),
        ),
    ),
    ("PATCH", f"{API}/registrations/{{registration_id}}"): Operation(
        "patchRegistration",
        "Suspend a registration, let it back in, or note something",
        SOURCE,
        TAG,
        (Answer(200, "The registration.", OperatorRegistration),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_REGISTRATION,),
        body=Body(RegistrationChange, {"notes": "Called on Monday."}),
        refusals=(NotFound, Conflict),
        links=(Link("getRegistration", _SAME_REGISTRATION),),
    ),
}
_CLIENTS: Final[Operations] = {
    ("GET", f"{API}/clients/{{client_id}}"): Operation(
        "getOperatorClient",
        "Read a Client Object",
        SOURCE,
        TAG,
        (Answer(200, "The Client Object.", OperatorClient),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_CLIENT,),
        refusals=(NotFound,),
        links=(Link("patchOperatorClient", _SAME_CLIENT), Link("postOperatorCredential", _SAME_CLIENT)),
    ),
    ("PATCH", f"{API}/clients/{{client_id}}"): Operation(
        "patchOperatorClient",
        "Change a Client Object",
        SOURCE,
        TAG,
        (Answer(200, "The Client Object.", OperatorClient),),
        "What is left out stays as it is. `description` tells the Client why.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_CLIENT,),
        body=Body(ClientChange, {"client_name": "Meadow Software"}),
        refusals=(NotFound, InvalidClientMetadata, InvalidRedirectUri, Conflict),
        links=(Link("getOperatorClient", _SAME_CLIENT),),
    ),
    ("POST", f"{API}/clients/{{client_id}}/approve"): Operation(
        "approveClient",
        "Approve a sandbox Client Object for production",
        SOURCE,
        TAG,
        (Answer(201, "The production object that was made of it.", OperatorClient, headers=("Location",)),),
        "Whatever onboarding steps are open.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_CLIENT,),
        body=Body(Explanation, {"description": "Welcome aboard."}, required=False),
        refusals=(NotFound, AlreadyDecided, Conflict),
        links=(Link("getOperatorClient", _SAME_CLIENT, 201),),
    ),
}
_CREDENTIALS: Final[Operations] = {
    ("GET", f"{API}/credentials"): Operation(
        "listOperatorCredentials",
        "List the Credentials of a registration",
        SOURCE,
        TAG,
        (Answer(200, "A page.", OperatorCredentialListing),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(
            replace(OF_REGISTRATION, required=True),
            listed("client_ids", "Only those of these Client Objects."),
            cursor(),
        ),
        refusals=(NotFound,),
        links=(Link("getOperatorCredential", {"credential_id": "$response.body#/credentials/0/credential_id"}),),
    ),
    ("GET", f"{API}/credentials/{{credential_id}}"): Operation(
        "getOperatorCredential",
        "Read a Credential",
        SOURCE,
        TAG,
        (Answer(200, "The Credential, without its secret.", OperatorCredential),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_CREDENTIAL,),
        refusals=(NotFound,),
        links=(Link("expireCredential", _SAME_CREDENTIAL),),
    ),
    ("POST", f"{API}/credentials/{{credential_id}}/expire"): Operation(
        "expireCredential",
        "Let a Credential expire",
        SOURCE,
        TAG,
        (Answer(200, "The Credential.", OperatorCredential),),
        "Now, or at `client_secret_expires_at`.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_CREDENTIAL,),
        body=Body(CredentialExpiry, {"description": "It was found in a public repository."}, required=False),
        refusals=(NotFound, AlreadyDecided, Conflict),
        links=(Link("getOperatorCredential", _SAME_CREDENTIAL),),
    ),
    ("POST", f"{API}/clients/{{client_id}}/credentials"): Operation(
        "postOperatorCredential",
        "Make a Credential for a Client Object",
        SOURCE,
        TAG,
        (Answer(201, "The Credential.", OperatorCredential, headers=("Location",)),),
        "Its Client finds the secret in the Credentials API.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_CLIENT, IDEMPOTENCY_KEY),
        body=Body(CredentialOf, {}, required=False),
        refusals=(NotFound, KeyReused, Conflict),
        links=(
            Link("getOperatorCredential", _SAME_CREDENTIAL, 201),
            Link("expireCredential", _SAME_CREDENTIAL, 201),
        ),
    ),
}
_GRANTS: Final[Operations] = {
    ("GET", f"{API}/grants"): Operation(
        "listOperatorGrants",
        "List Grants",
        f"{SOURCE}; the filters are those of CDS-WG1-02 8.4",
        TAG,
        (Answer(200, "A page.", OperatorGrantListing),),
        "Of all registrations, by a single `status`; or of one, which `registration_id`, `grant_ids`, `client_ids` or "
        "`parents` say, by all of the filters.",
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(OF_REGISTRATION, listed("status", "As `statuses`."), *FILTERS, cursor()),
        refusals=(InvalidRequest, NotFound),
        links=(Link("getOperatorGrant", _FIRST_GRANT), Link("patchOperatorGrant", _FIRST_GRANT)),
    ),
    ("POST", f"{API}/grants"): Operation(
        "postGrant",
        "Make a Grant for a Client Object",
        f"{SOURCE}; CDS-WG1-02 8.1, 8.2",
        TAG,
        (Answer(201, "The Grant.", OperatorGrant, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(NewGrant, {"client_id": "rk2v7m1x9q-1", "scope": "grid_status", "authorization_details": []}),
        refusals=(NotFound, InvalidScope, InvalidAuthorizationDetails, KeyReused, Conflict),
        links=(Link("getOperatorGrant", _SAME_GRANT, 201), Link("patchOperatorGrant", _SAME_GRANT, 201)),
    ),
    ("GET", f"{API}/grants/{{grant_id}}"): Operation(
        "getOperatorGrant",
        "Read a Grant",
        SOURCE,
        TAG,
        (Answer(200, "The Grant.", OperatorGrant),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_GRANT,),
        refusals=(NotFound,),
        links=(Link("patchOperatorGrant", _SAME_GRANT), Link("decideGrant", _SAME_GRANT)),
    ),
    ("PATCH", f"{API}/grants/{{grant_id}}"): Operation(
        "patchOperatorGrant",
        "Change what a Grant gives and until when",
        f"{SOURCE}; CDS-WG1-02 8.2",
        TAG,
        (Answer(200, "The Grant.", OperatorGrant),),
        "`expires: null` is never; other nulls count as left out. `description` tells the Client why.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_GRANT,),
        body=Body(GrantChange, {"status": "suspended", "description": "We have a question first."}),
        refusals=(NotFound, InvalidScope, InvalidAuthorizationDetails, Conflict),
        links=(Link("getOperatorGrant", _SAME_GRANT),),
    ),
    ("POST", f"{API}/grants/{{grant_id}}/decision"): Operation(
        "decideGrant",
        "Approve or decline what a Client has asked to change about a Grant",
        f"{SOURCE}; CDS-WG1-02 8.6",
        TAG,
        (Answer(200, "The Grant.", OperatorGrant),),
        "A rejection needs a `description`.",
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_GRANT,),
        body=Body(GrantDecision, {"status": "complete"}),
        refusals=(NotFound, InvalidScope, InvalidAuthorizationDetails, AlreadyDecided, Conflict),
        links=(Link("getOperatorGrant", _SAME_GRANT),),
    ),
}

OPERATIONS: Final[Operations] = {**_REGISTRATIONS, **_CLIENTS, **_CREDENTIALS, **_GRANTS}
