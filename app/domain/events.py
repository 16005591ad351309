"""Every type of event that there is: what webhooks can ask for, and what each one means.

An event says that something happened and to which object; whoever wants to know more reads the object. `object_id` is
the id of the object, of an operator the name.
"""

from typing import Final

EVENT_TYPES: Final = {
    "registration.created": "Somebody has registered.",
    "registration.modified": "An operator has suspended a registration, let it back in, or noted something.",
    "registration.deleted": "A registration that nobody had ever used is forgotten.",
    "client.created": "A Client Object has come into being, at registration or because production was approved.",
    "client.modified": "A Client Object has changed, by its Client or by an operator.",
    "message.created": "There is a new Message, of a Client or of the Server.",
    "message.modified": "A Message has been read, answered or decided.",
    "credential.created": "A Client Object has a new Credential.",
    "credential.modified": "A Credential has another time at which it expires, or has expired.",
    "credential.expiring": "A Credential will expire soon; its Client has a Message about it.",
    "grant.created": "There is a new Grant.",
    "grant.modified": "A Grant has another status, or gives another access.",
    "file.created": "A Server-Provided File is in the library.",
    "file.modified": "A Server-Provided File has changed, in the library or in a registration that it is shared with.",
    "file.deleted": "A Server-Provided File is gone, from the library or from a registration that it was shared with.",
    "operator.created": "There is a new operator.",
    "operator.revoked": "An operator is none any more.",
    "broadcast.created": "An operator has begun a broadcast.",
    "feed.gap": "Events were lost: more had piled up than are kept, because nothing relayed them for very long.",
}
"""What each type means. The object of `feed.gap` is the stream that they were lost from."""
