"""Every refusal: its code, its status and the text a caller may read.

`description` is public and is shown to whoever asked; `detail` is for the log alone and may hold the cause. A refusal
is raised where a rule is broken and turned into HTTP in one place, `app.web.errors`.
"""

from typing import ClassVar


class Refusal(Exception):
    """The base of everything we refuse on purpose.

    Args:
        description: One sentence for the caller: what is wrong and what is accepted. Never echoes a secret.
        field: The request field or parameter at fault, in dotted form (`grants_requested.0.scope`).
        detail: The cause, for the log.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_request"
    title: ClassVar[str] = "Bad request"

    def __init__(self, description: str, *, field: str | None = None, detail: str | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.field = field
        self.detail = detail


class InvalidRequest(Refusal):
    """A value, a parameter or the body is missing, malformed or out of range (RFC 6749 5.2)."""


class InvalidClientMetadata(Refusal):
    """A field of a registration or of a Client Object is not acceptable (RFC 7591 3.2.2)."""

    code = "invalid_client_metadata"
    title = "Invalid client metadata"


class InvalidRedirectUri(Refusal):
    """A redirect URI is not acceptable (RFC 7591 3.2.2)."""

    code = "invalid_redirect_uri"
    title = "Invalid redirect URI"


class InvalidClient(Refusal):
    """Client authentication failed (RFC 6749 5.2)."""

    status = 401
    code = "invalid_client"
    title = "Client authentication failed"


class InvalidGrant(Refusal):
    """A code, refresh token or its binding is not valid (RFC 6749 5.2)."""

    code = "invalid_grant"
    title = "Invalid grant"


class UnauthorizedClient(Refusal):
    """The Client Object may not use this grant type (RFC 6749 5.2)."""

    code = "unauthorized_client"
    title = "Unauthorized client"


class UnsupportedGrantType(Refusal):
    """We do not offer this grant type (RFC 6749 5.2)."""

    code = "unsupported_grant_type"
    title = "Unsupported grant type"


class UnsupportedTokenType(Refusal):
    """We do not revoke this type of token (RFC 7009 2.2.1)."""

    code = "unsupported_token_type"
    title = "Unsupported token type"


class InvalidScope(Refusal):
    """The scope is unknown, malformed or not the caller's (RFC 6749 5.2)."""

    code = "invalid_scope"
    title = "Invalid scope"


class InvalidAuthorizationDetails(Refusal):
    """An authorization details entry is not acceptable (RFC 9396 5)."""

    code = "invalid_authorization_details"
    title = "Invalid authorization details"


class UnsupportedResponseType(Refusal):
    """We do not offer this response_type (RFC 6749 4.1.2.1)."""

    code = "unsupported_response_type"
    title = "Unsupported response type"


class RequestNotSupported(Refusal):
    """We do not take request objects by value (RFC 9101 7)."""

    code = "request_not_supported"
    title = "Request objects are not supported"


class InvalidRequestUri(Refusal):
    """A request_uri is unknown, used, expired or another Client Object's (RFC 9101 7, RFC 9126 4)."""

    code = "invalid_request_uri"
    title = "Invalid request URI"


class AccessDenied(Refusal):
    """The user has declined (RFC 6749 4.1.2.1)."""

    code = "access_denied"
    title = "Access denied"


class UnsuitableGrant(Refusal):
    """A cds_grant_id that does not fit the authorization request (CDS-WG1-02 8.3)."""

    code = "cds_grant_id_invalid_value"
    title = "Unsuitable Grant"


class UnsuitableUser(Refusal):
    """A cds_grant_id that does not fit the user who has signed in (CDS-WG1-02 8.3)."""

    code = "cds_grant_id_invalid_user"
    title = "Unsuitable user"


class InvalidToken(Refusal):
    """The access token is missing, malformed, expired or revoked (RFC 6750 3.1)."""

    status = 401
    code = "invalid_token"
    title = "Unauthorized"


class GatewayKeyRefused(InvalidToken):
    """A gateway that asks whether a request may pass has no operator key, or none of a role that may ask."""

    status = 407
    code = "gateway_key_refused"
    title = "Gateway authentication required"


class InsufficientScope(Refusal):
    """The access token is good, but not for this (RFC 6750 3.1)."""

    status = 403
    code = "insufficient_scope"
    title = "Forbidden"

    def __init__(self, description: str, *, scope: str, detail: str | None = None) -> None:
        super().__init__(description, detail=detail)
        self.scope = scope


class InsufficientRole(Refusal):
    """The operator is known, but of a role that may not do this."""

    status = 403
    code = "insufficient_role"
    title = "Forbidden"


class SignInNeeded(Refusal):
    """A page of the console that nobody sees who has not signed in."""

    status = 401
    code = "sign_in_needed"
    title = "Unauthorized"


class BadCallSignature(Refusal):
    """A call of another system that is not signed with the secret that we share, or too old."""

    status = 401
    code = "invalid_signature"
    title = "Unauthorized"


class ForeignForm(Refusal):
    """A form that did not come from a page of ours, or not from the one that this user was shown last."""

    status = 403
    code = "foreign_form"
    title = "Forbidden"


class CookiesNeeded(Refusal):
    """A browser that came without the cookie which an authorization request is bound to."""

    code = "cookies_needed"


class WrongLogin(Refusal):
    """The name or the password of a user is wrong: which of them, nobody is told."""

    status = 403
    code = "wrong_login"
    title = "Forbidden"


class SignInStopped(Refusal):
    """The user did not go through with the sign-in at the identity provider."""

    status = 403
    code = "sign_in_stopped"
    title = "Forbidden"


class SignInFailed(Refusal):
    """The identity provider answered something that nobody can be signed in with.

    `way_on` is the path of the page on which the user can try again; whoever knows it fills it in.
    """

    status = 502
    code = "sign_in_failed"
    title = "Bad gateway"
    way_on: str = ""


class IdentityProviderUnavailable(SignInFailed):
    """The identity provider does not answer in time, or says that it cannot."""

    status = 503
    code = "sign_in_unavailable"
    title = "Service unavailable"
    retry_after_seconds: ClassVar[int] = 10


class RequestOver(Refusal):
    """An authorization request that has been answered, has expired, or never was."""

    status = 410
    code = "request_over"
    title = "Gone"


class NotFound(Refusal):
    """No such object, or somebody else's: the two are not told apart."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowed(Refusal):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"This path accepts {', '.join(allowed)}.")
        self.allowed = allowed


class Conflict(Refusal):
    """Someone else changed the object meanwhile, or it was decided already."""

    status = 409
    code = "conflict"
    title = "Conflict"


class AlreadyDecided(Conflict):
    """The request has its final answer, so reading it again and repeating would change nothing."""


class KeyReused(Refusal):
    """An Idempotency-Key that came with another request before (draft-ietf-httpapi-idempotency-key-header, 2.7)."""

    status = 422
    code = "idempotency_key_reused"
    title = "Idempotency-Key reused"


class ContentTooLarge(Refusal):
    """The body or its attachments are over the limit."""

    status = 413
    code = "content_too_large"
    title = "Content too large"


class RangeNotSatisfiable(Refusal):
    """No byte of the file is in the range that was asked for (RFC 9110 15.5.17)."""

    status = 416
    code = "range_not_satisfiable"
    title = "Range not satisfiable"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The file has {size_bytes} bytes.", field="Range")
        self.size_bytes = size_bytes


class TooManyRequests(Refusal):
    """A rate limit or a quota is used up; `limit` is what metrics and headers call it.

    `quota` is how many requests it allows within `window_seconds`; 0 when that is nobody's business.
    """

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(
        self,
        description: str,
        *,
        retry_after_seconds: int,
        limit: str = "other",
        quota: int = 0,
        window_seconds: int = 0,
    ) -> None:
        super().__init__(description)
        self.retry_after_seconds = retry_after_seconds
        self.limit = limit
        self.quota = quota
        self.window_seconds = window_seconds


class ServerError(Refusal):
    """Something of ours failed; the cause is in the log under the request id."""

    status = 500
    code = "server_error"
    title = "Internal error"


class StoreUnavailable(Refusal):
    """The store or the file store did not answer: never a 404, never a success."""

    status = 503
    code = "temporarily_unavailable"
    title = "Temporarily unavailable"
    retry_after_seconds: ClassVar[int] = 2


class ConfigurationError(Exception):
    """The settings or the catalog are wrong; the server does not start.

    `problems` are complete sentences: where (file, path or setting), what is wrong, what to write instead.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
