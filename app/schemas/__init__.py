"""The objects on the wire, as the specs name them."""
