"""The URLs under which our objects are published (DESIGN.md section 5), always below `CDS_PUBLIC_URL`."""

from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Links:
    """Makes URLs.

    Args:
        public_url: Without a slash at its end.
    """

    public_url: str

    def client(self, client_id: str) -> str:
        """`cds_client_uri` of a Client Object."""
        return f"{self.public_url}/cds-api/v1/clients/{client_id}"

    def message(self, message_id: str) -> str:
        """`uri` of a Message."""
        return f"{self.public_url}/cds-api/v1/messages/{message_id}"

    def credential(self, credential_id: str) -> str:
        """`uri` of a Credential."""
        return f"{self.public_url}/cds-api/v1/credentials/{credential_id}"

    def grant(self, grant_id: str) -> str:
        """`uri` of a Grant."""
        return f"{self.public_url}/cds-api/v1/grants/{grant_id}"

    def grants(self, grant_ids: list[str]) -> str:
        """The listing of exactly these Grants (6.3, for a completed grant_request)."""
        return f"{self.public_url}/cds-api/v1/grants?{urlencode({'grant_ids': ' '.join(grant_ids)})}"

    def grants_of(self, client_id: str) -> str:
        """The listing of the Grants of one Client Object."""
        return f"{self.public_url}/cds-api/v1/grants?{urlencode({'client_ids': client_id})}"

    def file(self, file_id: str) -> str:
        """`uri` of a Server-Provided File; its `download_uri` is this and `/download`."""
        return f"{self.public_url}/cds-api/v1/server-provided-files/{file_id}"

    @property
    def server_metadata(self) -> str:
        """The public CDS server metadata, which is every Client Object's (ambiguities B12)."""
        return f"{self.public_url}/.well-known/cds-server-metadata.json"

    @property
    def receipt(self) -> str:
        """The redirect URI that shows a receipt (4.2)."""
        return f"{self.public_url}/oauth/receipt"

    def onboarding(self, message_id: str, key: str) -> str:
        """What a person reads or fills in for an onboarding step (3.6); whoever knows the link may.

        `key` is one of `app.crypto.tokens.Randomness`, of characters that a URL may have as they are.
        """
        return f"{self.public_url}/onboarding/{message_id}?key={key}"

    def onboarding_return(self, message_id: str, back: str) -> str:
        """Where a person comes back to from an onboarding step elsewhere; it shows how far the step is."""
        return f"{self.public_url}/onboarding/{message_id}?{urlencode({'back': back})}"
